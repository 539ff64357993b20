"""Modules: registration, state, starting values, layers, batches. Layers are held against tg's functions and torch."""

import copy
import pickle

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn


def floats(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def small_cnn(**how):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, **how), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(4 * 3 * 3, 5, **how),
    )  # fmt: skip


class Net(nn.Module):
    def __init__(self, generator=None):
        super().__init__()
        self.first = nn.Linear(3, 4, generator=generator)
        self.blocks = nn.ModuleList([nn.Linear(4, 4, generator=generator) for _ in range(2)])
        self.heads = nn.ModuleDict({"a": nn.Linear(4, 1, generator=generator)})
        self.scale = nn.Parameter([1.0])
        self.register_buffer("seen", tg.zeros(2))
        self.register_buffer("scratch", tg.ones(1), persistent=False)

    def forward(self, x):
        x = tg.relu(self.first(x))
        for block in self.blocks:
            x = tg.relu(block(x))
        return self.heads["a"](x) * self.scale


NAMES = [
    "scale", "first.weight", "first.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias",
    "heads.a.weight", "heads.a.bias",
]  # fmt: skip


# -- registration ------------------------------------------------------------------------------------------------


def test_names_are_torchs():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == NAMES
    assert [n for n, _ in net.named_buffers()] == ["seen", "scratch"]
    assert list(net.state_dict()) == ["scale", "seen", *NAMES[1:]]
    assert [n for n, _ in net.named_modules()] == [
        "", "first", "blocks", "blocks.0", "blocks.1", "heads", "heads.a",
    ]  # fmt: skip
    assert [n for n, _ in net.named_children()] == ["first", "blocks", "heads"]
    assert list(small_cnn().state_dict()) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
        "5.weight", "5.bias",
    ]  # fmt: skip
    assert len(list(net.parameters())) == 9 and len(list(net.buffers())) == 2
    assert len(list(net.modules())) == 7 and len(list(net.children())) == 3


def test_shared_parameters_and_modules_come_once():
    net = nn.Module()
    net.a = nn.Linear(2, 2)
    net.b = net.a
    net.c = nn.Linear(2, 2)
    net.c.weight = net.a.weight
    assert [n for n, _ in net.named_parameters()] == ["a.weight", "a.bias", "c.bias"]
    assert [n for n, _ in net.named_modules()] == ["", "a", "c"]
    assert "b.weight" in net.state_dict() and "c.weight" in net.state_dict()


def test_parameter_is_a_tensor_for_registration_only():
    p = nn.Parameter([1, 2])
    assert isinstance(p, tg.Tensor) and p.dtype == np.float32 and p.requires_grad and p.is_leaf
    assert type(p * 2) is tg.Tensor and type(p.detach()) is tg.Tensor
    assert nn.Parameter(np.ones(2)).dtype == np.float64
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad
    assert repr(p).startswith("Parameter containing:\n")
    with tg.no_grad():
        q = p
        p -= np.float32(1.0)
    assert q is p and type(p) is nn.Parameter
    np.testing.assert_array_equal(p.detach(), [0, 1])


def test_default_dtype():
    try:
        nn.set_default_dtype(np.float64)
        assert nn.get_default_dtype() == np.float64
        assert nn.Linear(2, 2).weight.dtype == np.float64
        assert nn.BatchNorm1d(2).running_mean.dtype == np.float64
    finally:
        nn.set_default_dtype(np.float32)
    assert nn.Linear(2, 2).bias.dtype == np.float32
    assert nn.Conv2d(1, 1, 1, dtype=np.float64).weight.dtype == np.float64
    with pytest.raises(TypeError, match="floating"):
        nn.set_default_dtype(int)


def test_assigning():
    net = Net()
    with pytest.raises(TypeError, match=r"first.*module.*Tensor"):
        net.first = tg.ones(2)
    with pytest.raises(TypeError, match=r"scale.*parameter.*nn\.Parameter"):
        net.scale = tg.ones(1)
    with pytest.raises(TypeError, match=r"seen.*buffer"):
        net.seen = np.ones(2)
    net.seen = tg.ones(2)
    assert dict(net.named_buffers())["seen"] is net.seen
    new = nn.Parameter([3.0])
    net.scale = new
    assert dict(net.named_parameters())["scale"] is new
    del net.scale
    assert "scale" not in net.state_dict() and not hasattr(net, "scale")
    net.first = None
    assert "first.weight" not in net.state_dict()
    with pytest.raises(AttributeError, match="nothing_here"):
        net.nothing_here  # noqa: B018
    net.plain = tg.ones(3)
    assert "plain" not in net.state_dict()
    layer = nn.Linear(2, 2)
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"] and layer(floats(1, 2)).shape == (1, 2)


def test_names_that_cannot_be():
    net = nn.Module()
    with pytest.raises(KeyError, match="dots"):
        net.add_module("a.b", nn.ReLU())
    with pytest.raises(KeyError, match="taken"):
        net.register_buffer("forward", tg.ones(1))
    with pytest.raises(KeyError, match="taken"):
        nn.ModuleDict({"items": nn.ReLU()})
    with pytest.raises(TypeError, match="not a Module"):
        net.add_module("a", 3)
    with pytest.raises(TypeError, match="not a Tensor"):
        net.register_buffer("a", np.ones(2))
    with pytest.raises(TypeError, match=r"not an nn\.Parameter"):
        net.register_parameter("a", tg.ones(1))
    with pytest.raises(ValueError, match="itself"):
        net.loop = net
    inner = nn.Sequential(net)
    with pytest.raises(ValueError, match="itself"):
        net.loop = inner


def test_forgotten_super():
    class Forgot(nn.Module):
        def __init__(self, value):
            self.value = value

    class ForgotToo(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        ForgotToo()
    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        list(Forgot(3).parameters())
    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Forgot(nn.Parameter([1.0]))
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)


def test_modes_and_flags():
    net = Net()
    assert net.training and net.eval() is net and not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    net(floats(2, 3)).sum().backward()
    assert net.first.weight.grad is not None
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert net.requires_grad_(False) is net and not any(p.requires_grad for p in net.parameters())
    assert not net(floats(2, 3)).requires_grad
    net.requires_grad_()
    assert all(p.requires_grad for p in net.parameters())
    seen = []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen[-1] == "Net" and seen.count("Linear") == 4


def test_repr():
    net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.25)))
    assert repr(net) == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n  (1): Sequential(\n    (0): ReLU()\n"
        "    (1): Dropout(p=0.25)\n  )\n)"
    )
    assert repr(nn.Conv2d(1, 2, 3, bias=False)) == "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), bias=False)"


def test_scopes():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
            self.layers = nn.ModuleList([nn.Sigmoid()])
            self.deep = nn.ModuleList([nn.ModuleList([nn.ReLU()])])

        def forward(self, x):
            return self.deep[0][0](self.layers[0](self.features(x)))

    net = Outer()
    net.layers.append(nn.Tanh())
    scopes = {node.op.name: node.scope for node in tg.Tape.of(net(floats(1, 2))) if node.op is not None}
    assert scopes["tanh"] == ("features", "1")
    assert scopes["sigmoid"] == ("layers.0",)
    assert scopes["relu"] == ("deep.0.0",)
    out = tg.tanh(net.layers[1](nn.Parameter([1.0])))
    assert [node.scope for node in tg.Tape.of(out) if node.op is not None] == [("layers.1",), ()]


def test_copies_and_pickles():
    net = Net()
    net(floats(2, 3)).sum().backward()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert [n for n, _ in twin.named_parameters()] == NAMES
        assert all(type(p) is nn.Parameter and p.requires_grad for p in twin.parameters())
        np.testing.assert_array_equal(twin(floats(2, 3)).detach(), net(floats(2, 3)).detach())
        with tg.no_grad():
            twin.first.weight += np.float32(1.0)
        assert not np.array_equal(twin.first.weight.detach(), net.first.weight.detach())
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    twin = copy.deepcopy(tied)
    assert twin[0].weight is twin[1].weight and twin[0].weight is not tied[0].weight


def test_parameters_are_named_on_the_tape():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    assert [p.name for p in net.parameters()] == [n for n, _ in net.named_parameters()]
    assert "linear(%4, 1.0.weight, 1.0.bias)" in str(tg.Tape.of(net(floats(1, 2))))
    part = net[1:]
    assert [p.name for p in part.parameters()] == ["1.0.weight", "1.0.bias"]
    own = nn.Linear(2, 2)
    own.weight.name = "mine"
    assert [p.name for p in nn.Sequential(own).parameters()] == ["mine", "0.bias"]


# -- state -------------------------------------------------------------------------------------------------------


def test_state_goes_round_and_tensors_stay():
    a, b = Net(), Net()
    before = list(b.parameters())
    result = b.load_state_dict(a.state_dict())
    assert result.missing_keys == [] and result.unexpected_keys == []
    assert all(p is q and p.requires_grad and p.is_leaf for p, q in zip(before, b.parameters(), strict=True))
    np.testing.assert_array_equal(a(floats(2, 3)).detach(), b(floats(2, 3)).detach())


def test_state_is_a_snapshot():
    net = nn.Linear(2, 2)
    state = net.state_dict()
    old = state["weight"].numpy().copy()
    net.weight.data[...] = 7
    np.testing.assert_array_equal(state["weight"].numpy(), old)
    net.load_state_dict(state)
    state["weight"].numpy()[...] = 9
    np.testing.assert_array_equal(net.weight.detach(), old)


def test_loading_casts_floats():
    net = nn.Linear(2, 2)
    net.load_state_dict({"weight": np.eye(2), "bias": [1, 2]})
    assert net.weight.dtype == np.float32
    np.testing.assert_array_equal(net.bias.detach(), [1, 2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("scale"), "lacks 'scale'"),
        (lambda s: s.update(more=np.ones(1)), "has no 'more'"),
        (lambda s: s.update(scale=np.ones((1, 2))), r"scale has shape \(1, 2\) in the state, \(1,\)"),
        (lambda s: s.update(scale=np.ones(1, complex)), "scale has dtype complex128"),
        (lambda s: s.update(scale=np.array(["a"])), "scale has dtype <U1"),
    ],
)
def test_nothing_is_half_loaded(change, message):
    a, b = Net(), Net()
    state, before = a.state_dict(), b.state_dict()
    change(state)
    with pytest.raises(RuntimeError, match=message):
        b.load_state_dict(state)
    for name, value in b.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_buffer_that_cannot_be_set():
    net = Net()
    state, before = net.state_dict(), net.scale.item()
    net.seen = net.scale * 2 + net.seen
    with pytest.raises(RuntimeError, match="seen is the result of an op"):
        net.load_state_dict({**state, "scale": [9.0]})
    assert net.scale.item() == before


def test_not_strict():
    net = Net()
    result = net.load_state_dict({"scale": [4.0], "other": 1}, strict=False)
    assert "first.weight" in result.missing_keys and result.unexpected_keys == ["other"]
    assert net.scale.item() == 4
    with pytest.raises(RuntimeError, match="shape"):
        net.load_state_dict({"scale": [4.0, 5.0]}, strict=False)
    with pytest.raises(TypeError, match="dict"):
        net.load_state_dict([1])


def test_astype():
    net = small_cnn()
    tied = net[5].weight
    net.other = nn.Linear(36, 5)
    net.other.weight = tied
    assert net.astype(np.float64) is net
    assert {t.dtype.name for t in net.state_dict().values()} == {"float64", "int64"}
    assert net.other.weight is net[5].weight and type(net[5].weight) is nn.Parameter and net[5].weight.requires_grad
    with pytest.raises(TypeError, match="floating"):
        net.astype(int)


# -- containers --------------------------------------------------------------------------------------------------


def test_sequential():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b, c)
    assert len(net) == 3 and list(net) == [a, b, c] and net[-1] is c
    part = net[1:]
    assert type(part) is nn.Sequential and list(part) == [b, c] and list(part.state_dict()) == ["2.weight", "2.bias"]
    part.append(nn.Tanh())
    assert len(part) == 3 and part[0] is b
    x = floats(4, 2)
    np.testing.assert_array_equal(net[:2](x).detach(), tg.relu(a(x)).detach())
    net[1] = nn.Tanh()
    assert isinstance(net[1], nn.Tanh)
    net.insert(1, b)
    del net[2]
    assert list(net) == [a, b, c] and list(net.state_dict())[2] == "2.weight"
    named = nn.Sequential({"fc": a, "act": b})
    assert list(named.state_dict()) == ["fc.weight", "fc.bias"] and named.fc is a
    with pytest.raises(ValueError, match="names of their own"):
        del named[0]
    with pytest.raises(IndexError, match="out of range"):
        net[3]
    with pytest.raises(TypeError, match="not a Module"):
        nn.Sequential(tg.relu)


def test_lists_and_dicts():
    layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(3))
    assert len(layers) == 3 and len(layers[1:]) == 2 and layers[1:][0] is layers[1]
    layers.extend([nn.ReLU()]).insert(0, nn.Tanh())
    assert [type(m).__name__ for m in layers] == ["Tanh", "Linear", "Linear", "Linear", "ReLU"]
    with pytest.raises(NotImplementedError, match="Sequential"):
        layers(1)
    table = nn.ModuleDict({"a": nn.ReLU()})
    table["b"] = nn.Tanh()
    assert list(table) == table.keys() == ["a", "b"] and "a" in table and len(table) == 2
    assert [n for n, _ in table.items()] == ["a", "b"] and len(table.values()) == 2
    del table["a"]
    with pytest.raises(KeyError, match="'a'"):
        table["a"]
    parameters = nn.ParameterList([nn.Parameter([1.0]), nn.Parameter([2.0])])
    assert list(parameters.state_dict()) == ["0", "1"] and parameters[1].item() == 2 and len(list(parameters)) == 2


# -- starting values ---------------------------------------------------------------------------------------------


def test_starting_values_follow_the_generator():
    def make(seed):
        return [p.detach().numpy() for p in small_cnn(generator=np.random.default_rng(seed)).parameters()]

    for p, q in zip(make(1), make(1), strict=True):
        np.testing.assert_array_equal(p, q)
    assert not np.array_equal(make(1)[0], make(2)[0])
    tg.manual_seed(5)
    a = nn.Embedding(3, 2).weight.detach().numpy()
    tg.manual_seed(5)
    np.testing.assert_array_equal(nn.Embedding(3, 2).weight.detach(), a)


def test_default_starting_values():
    linear = nn.Linear(100, 200, generator=np.random.default_rng(0))
    for p in (linear.weight, linear.bias):
        values = p.detach().numpy()
        assert np.abs(values).max() <= 0.1 and 0.05 < values.std() < 0.065  # 0.1 / sqrt(3)
    conv = nn.Conv2d(4, 50, 5, groups=2, generator=np.random.default_rng(0))
    assert 0.95 / np.sqrt(50) < np.abs(conv.weight.detach().numpy()).max() <= 1 / np.sqrt(50)
    assert (nn.Embedding(5, 3, padding_idx=-2).weight.detach().numpy()[3] == 0).all()
    norm = nn.BatchNorm2d(3)
    assert (norm.weight.detach() == 1).all() and (norm.bias.detach() == 0).all() and (norm.running_var == 1).all()


def test_init_functions():
    g = np.random.default_rng(0)
    w = nn.Parameter(np.empty((60, 40, 5), np.float32))

    def std(tensor):
        assert tensor is w and w.requires_grad and w.dtype == np.float32
        return float(w.detach().numpy().std())

    fan_in, fan_out = 200, 300
    assert std(nn.init.xavier_uniform_(w, 2.0, generator=g)) == pytest.approx(2 * np.sqrt(2 / 500), rel=0.03)
    assert std(nn.init.xavier_normal_(w, generator=g)) == pytest.approx(np.sqrt(2 / 500), rel=0.03)
    assert std(nn.init.kaiming_uniform_(w, generator=g)) == pytest.approx(np.sqrt(2 / fan_in), rel=0.03)
    assert std(nn.init.kaiming_normal_(w, mode="fan_out", generator=g)) == pytest.approx(np.sqrt(2 / fan_out), rel=0.03)
    assert std(nn.init.normal_(w, 1.0, 3.0, generator=g)) == pytest.approx(3, rel=0.03)
    assert std(nn.init.uniform_(w, -1, 1, generator=g)) == pytest.approx(1 / np.sqrt(3), rel=0.03)
    assert std(nn.init.trunc_normal_(w, generator=g)) == pytest.approx(0.8796, rel=0.03)
    assert np.abs(w.detach().numpy()).max() <= 2
    assert std(nn.init.constant_(w, 3.0)) == 0 and std(nn.init.ones_(w)) == 0 and std(nn.init.zeros_(w)) == 0
    for shape in ((6, 2, 2), (3, 8)):
        m = nn.init.orthogonal_(tg.zeros(shape), 2.0, generator=g).numpy().reshape(shape[0], -1)
        m = m if shape[0] > m.shape[1] else m.T
        np.testing.assert_allclose(m.T @ m, 4 * np.eye(m.shape[1]), atol=1e-12)
    np.testing.assert_array_equal(nn.init.eye_(tg.zeros((2, 3))), np.eye(2, 3))
    assert nn.init.calculate_gain("leaky_relu", 1.0) == 1 and nn.init.calculate_gain("tanh") == 5 / 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: nn.init.xavier_uniform_(t), "at least 2 axes"),
        (lambda t: nn.init.orthogonal_(t), "at least 2 axes"),
        (lambda t: nn.init.eye_(t), "matrix"),
        (lambda t: nn.init.kaiming_uniform_(tg.ones((2, 2)), mode="out"), "fan_in"),
        (lambda t: nn.init.calculate_gain("gelu2"), "gelu2"),
        (lambda t: nn.init.trunc_normal_(t, 0.0, 1.0, 8.0, 9.0), "hardly any"),
        (lambda t: nn.init.normal_(t, 0.0, -1.0), "negative"),
    ],
)
def test_init_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(tg.ones(3))


# -- layers ------------------------------------------------------------------------------------------------------


def counted(net):
    """The net with parameters set to a fixed pattern, the same as in the torch script behind the figures below."""
    for p in net.parameters():
        p.data = np.sin(np.arange(p.size) * 1.3 + 0.5).reshape(p.shape)
    return net


def test_a_cnn_against_torch():
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, groups=2),
        nn.GroupNorm(3, 6), nn.GELU(), nn.ConvTranspose2d(6, 2, 2, stride=2), nn.SiLU(), nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), nn.LayerNorm(4), nn.Linear(4, 3), nn.BatchNorm1d(3, momentum=None),
    )  # fmt: skip
    counted(net.astype(np.float64))
    x = np.cos(np.arange(3 * 2 * 8 * 8) * 0.7).reshape(3, 2, 8, 8)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)(net(x), np.array([0, 2, 1]))
    loss.backward()
    net.eval()
    assert [loss.item(), *[float(np.abs(net[i].weight.grad.numpy()).sum()) for i in FIGURES]] == pytest.approx(
        [LOSS, *FIGURES.values()], rel=1e-7
    )
    assert net[1].running_var.numpy().sum() == pytest.approx(RUNNING_VAR, rel=1e-9)
    assert net[14].num_batches_tracked.item() == 1
    assert float(np.abs(net(x).detach().numpy()).sum()) == pytest.approx(EVALUATED, rel=1e-7)


# LOSS, FIGURES, RUNNING_VAR, EVALUATED: torch 2.13 (CPU, float64) on the same net, weights and images
LOSS = 1.03016915745
FIGURES = {
    0: 10.6987996001, 1: 2.43747364291, 4: 20.9781106052, 5: 1.22092070898, 7: 3.73152352605,
    12: 0.585865539881, 13: 0.621225072819, 14: 0.784970171984,
}  # fmt: skip
RUNNING_VAR = 4.11876536553
EVALUATED = 4.67140909392


def test_float32_stays():
    net = small_cnn()
    x = tg.tensor(floats(2, 3, 6, 6), requires_grad=True)
    out = net(x)
    nn.MSELoss()(out, floats(2, 5)).backward()
    assert out.dtype == np.float32 and x.grad.dtype == np.float32
    assert all(p.grad.dtype == np.float32 for p in net.parameters())
    assert net[1].running_mean.dtype == np.float32


def test_batch_norm_statistics():
    x = floats(8, 3, seed=1, dtype=np.float64) * 2 + 1
    norm = nn.BatchNorm1d(3, momentum=None, dtype=np.float64)
    for batch in (x[:4], x[4:]):
        norm(batch)
    np.testing.assert_allclose(norm.running_mean.numpy(), x.mean(0))
    np.testing.assert_allclose(norm.running_var.numpy(), (x[:4].var(0, ddof=1) + x[4:].var(0, ddof=1)) / 2)
    held = norm.running_mean
    norm.reset_running_stats()
    assert norm.running_mean is held and (held == 0).all() and norm.num_batches_tracked.item() == 0
    norm(x)
    mean = norm.running_mean.numpy().copy()
    norm.eval()(x + 3)
    np.testing.assert_array_equal(norm.running_mean.numpy(), mean)
    untracked = nn.BatchNorm1d(3, track_running_stats=False, affine=False, dtype=np.float64).eval()
    np.testing.assert_allclose(untracked(x).mean(0), 0, atol=1e-12)
    assert list(untracked.state_dict()) == []
    with pytest.raises(ValueError, match="more than one value"):
        norm.train()(x[:1])
    assert norm.num_batches_tracked.item() == 1  # the failed batch left no trace


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (nn.ReLU(True), tg.relu),
        (nn.LeakyReLU(0.2), lambda x: tg.leaky_relu(x, 0.2)),
        (nn.ELU(0.5), lambda x: tg.elu(x, 0.5)),
        (nn.GELU("tanh"), lambda x: tg.gelu(x, "tanh")),
        (nn.SiLU(), tg.silu),
        (nn.Sigmoid(), tg.sigmoid),
        (nn.Tanh(), tg.tanh),
        (nn.Softplus(2.0), lambda x: tg.softplus(x, 2.0)),
        (nn.Softmax(1), lambda x: tg.softmax(x, 1)),
        (nn.LogSoftmax(), lambda x: tg.log_softmax(x, -1)),
        (nn.Hardtanh(-0.5, 0.5), lambda x: tg.hardtanh(x, -0.5, 0.5)),
        (nn.Identity(3, some="thing"), lambda x: x),
    ],
)
def test_activations(layer, function):
    x = tg.tensor(floats(2, 3, 4))
    np.testing.assert_array_equal(layer(x), function(x))
    assert type(layer).__name__ in repr(layer)


def test_one_dimension():
    x = tg.tensor(floats(2, 3, 9))
    conv = nn.Conv1d(3, 4, 3, stride=2, padding=1)
    np.testing.assert_array_equal(conv(x).detach(), tg.conv1d(x, conv.weight, conv.bias, 2, 1).detach())
    np.testing.assert_array_equal(nn.MaxPool1d(3, 2)(x), tg.max_pool1d(x, 3, 2))
    np.testing.assert_array_equal(nn.AvgPool1d(3, 2)(x), tg.avg_pool1d(x, 3, 2))


@pytest.mark.parametrize(("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
def test_padding_modes(mode, numpy_mode):
    x = floats(1, 2, 5, 6)
    for padding, widths in (((2, 1), ((2, 2), (1, 1))), ("same", ((1, 1), (0, 1)))):
        conv = nn.Conv2d(2, 3, (3, 2), padding=padding, padding_mode=mode)
        border = np.pad(x, ((0, 0), (0, 0), *widths), numpy_mode)
        np.testing.assert_allclose(conv(x).detach(), tg.conv2d(border, conv.weight, conv.bias).detach(), atol=1e-6)


def test_shapes():
    x = floats(2, 3, 4, 5)
    assert nn.Flatten()(x).shape == (2, 60) and nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    assert nn.Unflatten(1, (2, -1))(floats(2, 6)).shape == (2, 2, 3)
    assert nn.Unflatten(-1, (3, 2))(tg.tensor(floats(4, 6))).shape == (4, 3, 2)
    with pytest.raises(ValueError, match="does not divide"):
        nn.Unflatten(1, (4, -1))(floats(2, 6))
    with pytest.raises(ValueError, match="no axis 5"):
        nn.Unflatten(5, (4, -1))(floats(2, 6))
    with pytest.raises(ValueError, match="start_dim"):
        nn.Flatten(2, 1)(x)
    values, places = nn.MaxPool2d(2, return_indices=True)(x)
    assert values.shape == places.shape == (2, 3, 2, 2)


def test_dropout():
    drop = nn.Dropout(0.25, generator=np.random.default_rng(0))
    x = tg.ones((200, 50), np.float32)
    out = drop(x)
    share = float((out == 0).mean())
    assert 0.22 < share < 0.28 and float(out.max()) == pytest.approx(4 / 3)
    np.testing.assert_array_equal(drop.eval()(x), x)
    channels = nn.Dropout2d(0.5, generator=np.random.default_rng(0))(tg.ones((4, 8, 3, 3)))
    assert set(np.unique(channels.numpy().sum((2, 3)))) == {0.0, 18.0}


def test_embedding():
    table = nn.Embedding(5, 3, padding_idx=0)
    out = table(np.array([[1, 0], [4, 1]]))
    assert out.shape == (2, 2, 3)
    out.sum().backward()
    np.testing.assert_array_equal(table.weight.grad, np.array([0, 2, 0, 0, 1])[:, None] * np.ones((1, 3)))


X, Y = floats(4, 3), floats(4, 3, seed=1)
P, Q = 1 / (1 + np.exp(-X)), 1 / (1 + np.exp(-Y))
CLASSES = np.array([0, 2, 1, 2])


@pytest.mark.parametrize(
    ("loss", "function", "x", "target"),
    [
        (
            nn.CrossEntropyLoss([1.0, 2.0, 3.0], ignore_index=1),
            lambda x, t: tg.cross_entropy(x, t, weight=np.array([1, 2, 3], np.float32), ignore_index=1),
            X, CLASSES,
        ),
        (nn.NLLLoss(reduction="sum"), lambda x, t: tg.nll_loss(x, t, reduction="sum"), X, CLASSES),
        (nn.MSELoss("none"), lambda x, t: tg.mse_loss(x, t, reduction="none"), X, Y),
        (nn.L1Loss(), tg.l1_loss, X, Y),
        (nn.SmoothL1Loss(beta=0.5), lambda x, t: tg.smooth_l1_loss(x, t, beta=0.5), X, Y),
        (nn.HuberLoss(delta=0.5), lambda x, t: tg.huber_loss(x, t, delta=0.5), X, Y),
        (nn.BCELoss(), tg.binary_cross_entropy, P, Q),
        (
            nn.BCEWithLogitsLoss(pos_weight=[1, 2, 3]),
            lambda x, t: tg.binary_cross_entropy_with_logits(x, t, pos_weight=np.array([1, 2, 3], np.float32)),
            X, Q,
        ),
        (nn.KLDivLoss("batchmean"), lambda x, t: tg.kl_div(x, t, reduction="batchmean"), np.log(P), Q),
    ],
)  # fmt: skip
def test_losses(loss, function, x, target):
    x = tg.tensor(x)
    out = loss(x, target)
    np.testing.assert_array_equal(out, function(x, target))
    assert out.dtype == np.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(0, 3), "in_features must be at least 1"),
        (lambda: nn.Linear(2.5, 3), "in_features must be made of ints"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "in_channels 3 does not divide into 2"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), "out_channels 3"),
        (lambda: nn.Conv2d(3, 4, 0), "kernel_size must be at least 1"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "or 2 ints"),
        (lambda: nn.Conv2d(3, 4, 3, stride=0), "stride"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), "padding"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full"), "full"),
        (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), "stride 1"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "mirror"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1), "output_padding 1"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), "same"),
        (lambda: nn.BatchNorm2d(0), "num_features"),
        (lambda: nn.BatchNorm2d(3, momentum=2), "momentum"),
        (lambda: nn.BatchNorm2d(3, eps=-1), "eps"),
        (lambda: nn.GroupNorm(2, 3), "does not divide"),
        (lambda: nn.LayerNorm(()), "empty"),
        (lambda: nn.MaxPool2d(0), "kernel_size"),
        (lambda: nn.MaxPool2d(2, padding=2), "half the kernel"),
        (lambda: nn.AdaptiveAvgPool2d(0), "output_size"),
        (lambda: nn.Dropout(1.5), "between 0 and 1"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), "padding_idx 3"),
        (lambda: nn.GELU("fast"), "fast"),
        (lambda: nn.Hardtanh(1, 0), "below"),
        (lambda: nn.Unflatten(1, (-1, -1)), "one may be -1"),
        (lambda: nn.MSELoss("avg"), "avg"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2), "label_smoothing"),
        (lambda: nn.SmoothL1Loss(beta=-1), "beta"),
        (lambda: nn.HuberLoss(delta=0), "delta"),
        (lambda: nn.BatchNorm2d(3)(floats(2, 3)), "BatchNorm2d: x needs 4 axes"),
        (lambda: nn.BatchNorm1d(3)(floats(2, 4)), "3 channels"),
    ],
)
def test_what_constructors_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- gradients and vectors ---------------------------------------------------------------------------------------


def test_clipping():
    a, b, c = nn.Parameter([0.0, 0.0]), nn.Parameter(0.0), nn.Parameter([1.0])
    a.grad, b.grad = tg.tensor([3, 0], np.float32), tg.tensor(4, np.float32)
    held = a.grad
    assert nn.clip_grad_norm_([a, b, c], 10.0).item() == 5
    assert a.grad is held
    assert nn.clip_grad_norm_(iter([a, b, c]), 1.0).item() == 5
    np.testing.assert_allclose(a.grad, [0.6, 0], rtol=1e-5)
    np.testing.assert_allclose(b.grad, 0.8, rtol=1e-5)
    np.testing.assert_array_equal(held, [3, 0])  # what the user holds does not change
    assert a.grad.dtype == np.float32 and c.grad is None
    assert nn.clip_grad_norm_(a, 1.0, np.inf).item() == pytest.approx(0.6)
    nn.clip_grad_value_([a, b, c], 0.5)
    np.testing.assert_allclose(a.grad, [0.5, 0])
    a.grad = tg.tensor([np.nan, 1], np.float32)
    with pytest.raises(RuntimeError, match="nan"):
        nn.clip_grad_norm_([a], 1.0, error_if_nonfinite=True)
    assert nn.clip_grad_norm_([c], 1.0).item() == 0
    for wrong in (lambda: nn.clip_grad_norm_(a, -1), lambda: nn.clip_grad_norm_(a, 1, 0)):
        with pytest.raises(ValueError, match="must"):
            wrong()
    with pytest.raises(ValueError, match="negative"):
        nn.clip_grad_value_(a, -1)


def test_vectors():
    net = Net()
    vector = nn.parameters_to_vector(net.parameters())
    assert vector.shape == (sum(p.size for p in net.parameters()),) and vector.requires_grad
    before = list(net.parameters())
    nn.vector_to_parameters(vector * 2, net.parameters())
    np.testing.assert_array_equal(nn.parameters_to_vector(net.parameters()).detach(), vector.detach() * 2)
    assert all(p is q and p.requires_grad for p, q in zip(before, net.parameters(), strict=True))
    with pytest.raises(ValueError, match="elements"):
        nn.vector_to_parameters(np.ones(3), net.parameters())
    with pytest.raises(ValueError, match="no parameters"):
        nn.parameters_to_vector([])


# -- batches -----------------------------------------------------------------------------------------------------


def test_batches():
    x, y = np.arange(10) * 1.0, np.arange(10)
    data = nn.batches(x, y, batch_size=4, seed=3)
    assert len(data) == 3 and data.epoch == 0
    first, second = ([b[1] for b in data] for _ in range(2))
    assert [len(b) for b in first] == [4, 4, 2] and data.epoch == 2
    assert sorted(np.concatenate(first)) == list(range(10)) and not np.array_equal(first[0], second[0])
    again = nn.batches(x, y, batch_size=4, seed=3)
    again.epoch = 1
    for (a, b), c in zip(again, second, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(b, c)
    assert [len(a) for (a,) in nn.batches(x, batch_size=4, drop_last=True, seed=0)] == [4, 4]
    ((a, b),) = nn.batches(tg.tensor(x), [0] * 10, batch_size=20, shuffle=False)
    assert isinstance(a, tg.Tensor) and isinstance(b, np.ndarray)
    tg.manual_seed(1)
    one = next(iter(nn.batches(y, batch_size=10)))[0]
    tg.manual_seed(1)
    np.testing.assert_array_equal(next(iter(nn.batches(y, batch_size=10)))[0], one)


@pytest.mark.parametrize(
    ("arrays", "how", "message"),
    [
        ((np.ones((3, 2)), np.ones(4)), {"batch_size": 2}, r"differ in length: \(3, 2\), \(4,\)"),
        ((), {"batch_size": 2}, "at least one"),
        ((np.ones(3),), {"batch_size": 0}, "batch_size must be at least 1"),
        ((np.float64(1),), {"batch_size": 1}, "first axis"),
        ((np.ones(3),), {"batch_size": 1, "seed": -1}, "seed"),
    ],
)
def test_batches_that_cannot_be(arrays, how, message):
    with pytest.raises(ValueError, match=message):
        nn.batches(*arrays, **how)
