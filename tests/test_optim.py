"""Optimisers and schedules: torch's trajectories, groups, state, refusals."""

import copy

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn, optim

# sums of |p| over 20 steps for two parameters, a matrix and a 0-d one: torch 2.13 (CPU, float64), see `trajectory`
TRAJECTORIES = [
    ("SGD", {}, 151.216250806545),
    ("SGD", {"momentum": 0.9}, 142.052124849009),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}, 140.867082919116),
    ("SGD", {"momentum": 0.5, "dampening": 0.3, "maximize": True}, 165.995188044327),
    ("Adam", {}, 145.151658152628),
    ("Adam", {"weight_decay": 0.1, "betas": (0.8, 0.95)}, 143.444321539845),
    ("Adam", {"amsgrad": True, "maximize": True}, 171.710179205571),
    ("AdamW", {}, 144.84422287788),
    ("AdamW", {"weight_decay": 0.3, "amsgrad": True}, 136.260217569002),
    ("RMSprop", {}, 139.331804416217),
    ("RMSprop", {"momentum": 0.9, "centered": True}, 621.23994255166),
    ("RMSprop", {"weight_decay": 0.1, "maximize": True}, 206.565470407146),
]


def start(dtype):
    values = np.sin(np.arange(12) * 1.1).reshape(3, 4).astype(dtype)
    return [nn.Parameter(values), nn.Parameter(np.asarray(0.5, dtype))]


def set_grads(params, i):
    a, b = params
    a.grad = tg.tensor(np.cos(np.arange(12).reshape(3, 4) * 0.7 + i * 0.3), a.dtype)
    b.grad = tg.tensor(np.sin(0.4 * i + 1), b.dtype)


def trajectory(optimizer, params, steps=20):
    total = 0.0
    for i in range(steps):
        set_grads(params, i)
        optimizer.step()
        total += sum(float(np.abs(p.detach().numpy()).sum()) for p in params)
    return total


@pytest.mark.parametrize(("name", "how", "figure"), TRAJECTORIES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_trajectories_are_torchs(name, how, figure, dtype, tolerance):
    params = start(dtype)
    before = list(params)
    optimizer = getattr(optim, name)(params, lr=0.02, **how)
    assert trajectory(optimizer, params) == pytest.approx(figure, rel=tolerance)
    for p, q in zip(params, before, strict=True):
        assert p is q and p.dtype == dtype and p.is_leaf and p.requires_grad
    for remembered in optimizer.state.values():
        assert all(v.dtype == dtype for v in remembered.values() if isinstance(v, np.ndarray))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_of_numpy_as_settings_change_no_dtype(dtype):
    for name in ("SGD", "Adam", "AdamW", "RMSprop"):
        params = start(dtype)
        optimizer = getattr(optim, name)(params, lr=np.float64(0.1), weight_decay=np.float64(0.1))
        trajectory(optimizer, params, 2)
        assert all(p.dtype == dtype for p in params)


def test_training():
    tg.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    for _ in range(15):
        for a, b in nn.batches(x, y, batch_size=20, seed=1):
            loss = tg.cross_entropy(net(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    accuracy = (net(x).detach().numpy().argmax(1) == y).mean()
    assert accuracy > 0.9


def test_step_spoils_no_tape():
    p = nn.Parameter([1.0, 2.0])
    optimizer = optim.SGD([p], lr=1.0)
    loss = (p * p).sum()
    p.grad = tg.tensor([1, 1], np.float32)
    held = p.grad
    optimizer.step()
    p.grad = None
    loss.backward()  # of the values that were recorded
    np.testing.assert_array_equal(p.grad, [2, 4])
    np.testing.assert_array_equal(p.detach(), [0, 1])
    np.testing.assert_array_equal(held, [1, 1])


def test_parameters_without_gradient_are_left():
    a, b = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = optim.Adam([a, b], weight_decay=0.5)
    a.grad = tg.tensor([1], np.float32)
    optimizer.step()
    assert a.item() != 1 and b.item() == 1 and b not in optimizer.state
    optimizer.zero_grad()
    assert a.grad is None


def test_groups():
    a, b, c = (nn.Parameter([1.0]) for _ in range(3))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.5)
    optimizer.add_param_group({"params": [c], "momentum": 0.9})
    for p in (a, b, c):
        p.grad = tg.tensor([1], np.float32)
    optimizer.step()
    assert [a.item(), b.item(), c.item()] == [0.5, 0.0, 0.5]
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 1.0, 0.5]
    assert "momentum=0.9" in repr(optimizer)
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    assert a.item() == 0.5


P = nn.Parameter([1.0])


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (ValueError, lambda: optim.SGD([]), "no parameters"),
        (ValueError, lambda: optim.SGD([{"params": []}]), "no parameters"),
        (TypeError, lambda: optim.SGD(P), "list"),
        (TypeError, lambda: optim.SGD([np.ones(2)]), "ndarray, not a Tensor"),
        (TypeError, lambda: optim.SGD([("weight", P)]), "tuple"),
        (TypeError, lambda: optim.SGD([{"lr": 1}]), "'params'"),
        (ValueError, lambda: optim.SGD([P, P]), "twice"),
        (ValueError, lambda: optim.SGD([{"params": [P]}, {"params": [P]}]), "twice"),
        (ValueError, lambda: optim.SGD([P * 2]), "result of an op"),
        (ValueError, lambda: optim.SGD([{"params": [P], "beta": 1}]), r"unknown settings \['beta'\]"),
        (ValueError, lambda: optim.SGD([P], lr=-1), "lr must be at least 0, got -1"),
        (ValueError, lambda: optim.SGD([P], momentum=-1), "momentum"),
        (ValueError, lambda: optim.SGD([P], nesterov=True), "nesterov"),
        (ValueError, lambda: optim.Adam([P], betas=(1.0, 0.9)), "betas"),
        (ValueError, lambda: optim.Adam([P], eps=-1), "eps"),
        (ValueError, lambda: optim.RMSprop([P], alpha=-1), "alpha"),
        (ValueError, lambda: optim.AdamW([P], weight_decay=float("nan")), "weight_decay"),
        (TypeError, lambda: optim.StepLR(P, 1), "Optimizer"),
        (ValueError, lambda: optim.StepLR(optim.SGD([P]), 0), "step_size"),
        (ValueError, lambda: optim.CosineAnnealingLR(optim.SGD([P]), 0), "T_max"),
        (ValueError, lambda: optim.LinearLR(optim.SGD([P]), 0.0), "factors"),
        (ValueError, lambda: optim.LinearLR(optim.SGD([P]), total_iters=0), "total_iters"),
        (ValueError, lambda: optim.OneCycleLR(optim.SGD([P]), 1.0, 0), "total_steps"),
        (ValueError, lambda: optim.OneCycleLR(optim.SGD([P]), 1.0, 9, anneal_strategy="exp"), "exp"),
        (ValueError, lambda: optim.OneCycleLR(optim.SGD([P]), [1.0, 2.0], 9), "2 max_lr for 1"),
        (ValueError, lambda: optim.LambdaLR(optim.SGD([P]), []), "0 functions for 1"),
        (ValueError, lambda: optim.SequentialLR(optim.SGD([P]), [], [1]), "milestones"),
        (NotImplementedError, lambda: optim.LRScheduler(optim.SGD([P])), "rate"),
    ],
)
def test_refusals(error, make, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_state_goes_round(name):
    how = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    one, two = start(np.float32), start(np.float32)
    a, b = (getattr(optim, name)(p, lr=0.02, **how) for p in (one, two))
    trajectory(a, one, 5)
    for p, q in zip(one, two, strict=True):
        q.data = p.detach().numpy()
    b.param_groups[0]["lr"] = 7.0
    group = b.param_groups[0]
    state = a.state_dict()
    frozen = copy.deepcopy(state)
    b.load_state_dict(state)
    assert b.param_groups[0] is group and group["lr"] == 0.02 and group["params"][0] is two[0]
    assert trajectory(a, one, 5) == trajectory(b, two, 5)
    np.testing.assert_equal(state, frozen)  # neither optimiser writes into it


def test_torchs_names_in_state():
    params = start(np.float64)
    optimizer = optim.Adam(params)
    trajectory(optimizer, params, 1)
    state = optimizer.state_dict()
    assert state["param_groups"][0]["params"] == [0, 1]
    assert set(state["state"][0]) == {"step", "exp_avg", "exp_avg_sq"} and state["state"][1]["step"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("state"), "'param_groups'"),
        (lambda s: s["param_groups"].append(s["param_groups"][0]), "parameters"),
        (lambda s: s["param_groups"][0]["params"].pop(), "parameters"),
        (lambda s: s["param_groups"][0].pop("betas"), "lacks the settings"),
        (lambda s: s["param_groups"][0].update(momentum=1), "unknown settings"),
        (lambda s: s["param_groups"][0].update(lr=-1), "lr"),
        (lambda s: s["state"].update({5: {}}), "parameter 5"),
        (lambda s: s["state"][1].update(exp_avg=np.ones(3)), r"exp_avg of parameter 1 has shape \(3,\)"),
    ],
)
def test_no_state_is_half_loaded(change, message):
    params, others = start(np.float64), start(np.float64)
    optimizer, other = optim.Adam(params), optim.Adam(others, lr=0.5)
    trajectory(optimizer, params, 2)
    trajectory(other, others, 3)
    state = other.state_dict()
    change(state)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    np.testing.assert_equal(optimizer.state_dict(), before)


# the rates of steps 0, 1, 2, ...: torch 2.13
RATES = [
    (lambda o: optim.StepLR(o, 2), [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]),
    (lambda o: optim.MultiStepLR(o, [1, 3, 3], 0.5), [0.1, 0.05, 0.05, 0.0125, 0.0125, 0.0125]),
    (lambda o: optim.ExponentialLR(o, 0.9), [0.1, 0.09, 0.081, 0.0729, 0.06561, 0.059049]),
    (lambda o: optim.CosineAnnealingLR(o, 4, 0.01), [0.1, 0.08681980515, 0.055, 0.02318019485, 0.01, 0.02318019485]),
    (lambda o: optim.LinearLR(o, 0.2, total_iters=3), [0.02, 0.04666666667, 0.07333333333, 0.1, 0.1, 0.1]),
    (
        lambda o: optim.LambdaLR(o, lambda n: 1 / (n + 1)),
        [0.1, 0.05, 0.03333333333, 0.025, 0.02, 0.01666666667],
    ),
    (lambda o: optim.OneCycleLR(o, 0.5, 6), [0.02, 0.4972077177, 0.405872827, 0.2313185513, 0.06673876509, 2e-06]),
    (
        lambda o: optim.OneCycleLR(o, 0.5, 6, anneal_strategy="linear"),
        [0.02, 0.4761905714, 0.3571434286, 0.2380962857, 0.1190491429, 2e-06],
    ),
]


@pytest.mark.parametrize(("make", "rates"), RATES)
def test_rates(make, rates):
    optimizer = optim.SGD([nn.Parameter([1.0])], lr=0.1)
    schedule = make(optimizer)
    for count, rate in enumerate(rates):
        assert schedule.last_epoch == count
        assert schedule.get_last_lr() == [optimizer.param_groups[0]["lr"]]
        assert schedule.get_last_lr()[0] == pytest.approx(rate, rel=1e-9)
        if count < len(rates) - 1:
            schedule.step()


def test_warm_up_and_then():
    optimizer = optim.SGD([nn.Parameter([1.0])], lr=1.0)
    warm = optim.LinearLR(optimizer, 0.25, total_iters=3)
    schedule = optim.SequentialLR(optimizer, [warm, optim.ExponentialLR(optimizer, 0.5)], [3])
    rates = []
    for _ in range(6):
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 0.5, 0.25])


def test_schedule_state_and_groups():
    a, b = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 1.0}], lr=0.1)
    schedule = optim.StepLR(optimizer, 1)
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.01, 0.1])
    other = optim.StepLR(optimizer, 1)
    other.load_state_dict(schedule.state_dict())
    assert other.last_epoch == 1 and other.get_last_lr() == pytest.approx([0.01, 0.1])
    with pytest.raises(ValueError, match="groups"):
        other.load_state_dict({"last_epoch": 1, "base_lrs": [1.0]})
    optimizer.add_param_group({"params": [nn.Parameter([1.0])]})
    with pytest.raises(RuntimeError, match="new schedule"):
        schedule.step()
    restored = optim.SGD([{"params": [a]}, {"params": [b]}], lr=0.1)
    restored.load_state_dict({**optimizer.state_dict(), "param_groups": optimizer.state_dict()["param_groups"][:2]})
    assert optim.StepLR(restored, 1).base_lrs == [0.1, 1.0]  # the starting rates travel with the optimiser


def test_one_cycle_ends():
    schedule = optim.OneCycleLR(optim.SGD([nn.Parameter([1.0])]), 1.0, 2)
    schedule.step()
    with pytest.raises(ValueError, match="the cycle is over"):
        schedule.step()


def test_a_frozen_parameter_stays():
    a, b = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2), requires_grad=False)
    optimizer = optim.SGD([a, b], lr=1.0)
    (a * b).sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(a.data, [0, 0])
    np.testing.assert_array_equal(b.data, [1, 1])


def stepped():
    p = nn.Parameter(np.ones((2, 3)))
    optimizer = optim.Adam([p])
    p.grad = tg.ones((2, 3))
    optimizer.step()
    return p, optimizer


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda s: s["state"][0].pop("exp_avg"), "lacks exp_avg"),
        (lambda s: s["state"][0].update(exp_avg_sq="abc"), "exp_avg_sq of parameter 0 must be an array"),
        (lambda s: s["state"][0].update(exp_avg=np.ones(3)), "has shape"),
        (lambda s: s.update(state=[1]), "'state' must be a dict"),
        (lambda s: s.update(state=None), "'state' must be a dict"),
        (lambda s: s["param_groups"][0].update(lr="x"), "lr must be a number"),
        (lambda s: s["param_groups"][0].update(betas=3), "betas must be two numbers"),
    ],
)
def test_a_damaged_state_changes_nothing(damage, problem):
    p, optimizer = stepped()
    before = optimizer.state_dict()
    state = optimizer.state_dict()
    damage(state)
    with pytest.raises((TypeError, ValueError), match=problem):
        optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    np.testing.assert_array_equal(after["state"][0]["exp_avg"], before["state"][0]["exp_avg"])
