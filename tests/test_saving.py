"""Files of parameters: both formats, and that no failure leaves a half-written file or a half-loaded model."""

import builtins
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.nn import saving

SUFFIXES = [".npz", ".safetensors"]


def net(seed=0, width=4):
    g = np.random.default_rng(seed)
    return nn.Sequential(nn.Linear(3, width, generator=g), nn.BatchNorm1d(width), nn.Linear(width, 2, generator=g))


def same(a, b):
    return set(a) == set(b) and all(
        a[k].dtype == b[k].dtype
        and a[k].shape == b[k].shape
        and np.asarray(a[k]).tobytes() == np.asarray(b[k]).tobytes()
        for k in a
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip(tmp_path, suffix):
    a, b = net(0), net(1)
    a(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    nn.save(a, tmp_path / f"model{suffix}")
    before = list(b.parameters())
    result = nn.load_into(b, str(tmp_path / f"model{suffix}"))
    assert result.missing_keys == result.unexpected_keys == []
    assert same(a.state_dict(), b.state_dict())
    assert all(p is q for p, q in zip(before, b.parameters(), strict=True))
    assert os.listdir(tmp_path) == [f"model{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_arrays_of_numbers(tmp_path, suffix):
    state = {
        "file": np.arange(6).reshape(2, 3).T, "a.b.c": np.array(2.5, np.float16), "empty": np.zeros((0, 3)),
        "flags": np.array([True, False]), "x.npy": np.arange(3, dtype=">i2"), "t": tg.ones(2, requires_grad=True),
        "list": [1, 2],
    }  # fmt: skip
    path = tmp_path / f"state{suffix}"
    nn.save(state, path)
    loaded = nn.load(path)
    assert set(loaded) == set(state)
    for name, value in loaded.items():
        assert type(value) is np.ndarray and value.flags.writeable
        np.testing.assert_array_equal(value, state[name].detach() if name == "t" else state[name])
        assert value.shape == np.shape(state[name])
    assert loaded["a.b.c"].dtype == np.float16 and loaded["flags"].dtype == bool


def test_other_programs_can_read_and_write(tmp_path):
    from safetensors.numpy import load_file, save_file

    state = {"w": np.arange(4.0), "b": np.ones((2, 2), np.float32)}
    nn.save(state, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as loaded:
        assert same(dict(loaded), state)
    np.savez_compressed(tmp_path / "b.npz", **state)
    assert same(nn.load(tmp_path / "b.npz"), state)
    nn.save(state, tmp_path / "a.safetensors")
    assert same(load_file(tmp_path / "a.safetensors"), state)
    save_file(state, tmp_path / "b.safetensors")
    assert same(nn.load(tmp_path / "b.safetensors"), state)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_noticed(tmp_path, suffix):
    good, bad = tmp_path / f"good{suffix}", tmp_path / f"bad{suffix}"
    model = net()
    nn.save(model, good)
    raw = good.read_bytes()
    state = model.state_dict()
    for cut in (0, 1, 7, len(raw) // 2, len(raw) - 1):
        bad.write_bytes(raw[:cut])
        with pytest.raises(ValueError, match=rf"bad{suffix}.*damaged"):
            nn.load_into(model, bad)
    for place in range(0, len(raw), 7):
        damaged = bytearray(raw)
        damaged[place] ^= 0xFF
        bad.write_bytes(damaged)
        try:
            loaded = nn.load(bad)  # a byte that says nothing, a date say, may change
        except ValueError as error:
            message = str(error)
        else:
            message = f"bad{suffix}" if same(loaded, state) else f"byte {place} is wrong and nobody says so"
        assert f"bad{suffix}" in message
    assert same(model.state_dict(), state)


def test_members_cannot_vanish(tmp_path):
    """The list of members of a zip ends early, without an error of zipfile's, when its length fields are damaged."""
    path = tmp_path / "a.npz"
    nn.save({f"w{i}": np.arange(3) for i in range(3)}, path)
    raw = path.read_bytes()
    entry = raw.index(b"PK\x01\x02")
    path.write_bytes(raw[: entry + 32] + b"\x7f\x00" + raw[entry + 34 :])
    with pytest.raises(ValueError, match="damaged"):
        nn.load(path)


@pytest.mark.parametrize(("wrong", "right"), [SUFFIXES, SUFFIXES[::-1]])
def test_another_format(tmp_path, wrong, right):
    nn.save(net(), tmp_path / f"a{right}")
    os.replace(tmp_path / f"a{right}", tmp_path / f"a{wrong}")
    with pytest.raises(ValueError, match=rf"a{wrong} cannot be read.* no {wrong} file"):
        nn.load(tmp_path / f"a{wrong}")


def test_no_pickles(tmp_path):
    class Trap:
        def __reduce__(self):
            return (builtins.exec, ("raise SystemError('ran')",))

    np.savez(tmp_path / "a.npz", x=np.array([Trap()], object))
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Trap()))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(ValueError, match="cannot be read"):
            nn.load(tmp_path / name)
    with pytest.raises(TypeError, match="x has dtype object"):
        nn.save({"x": np.array([None])}, tmp_path / "c.npz")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_model(tmp_path, suffix):
    path = tmp_path / f"wide{suffix}"
    nn.save(net(width=5), path)
    model = net()
    before = model.state_dict()
    with pytest.raises(RuntimeError, match=rf"wide{suffix} does not fit: .*0.weight has shape \(5, 3\)"):
        nn.load_into(model, path)
    nn.save({"0.bias": np.ones(4), "more": np.ones(1)}, path)
    with pytest.raises(RuntimeError, match=r"lacks '0.weight'.*has no 'more'"):
        nn.load_into(model, path)
    assert same(model.state_dict(), before)
    assert nn.load_into(model, path, strict=False).unexpected_keys == ["more"]
    np.testing.assert_array_equal(model[0].bias.detach(), 1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"model{suffix}"
    nn.save(net(), path)
    old = path.read_bytes()

    def half(arrays, file):
        file.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setitem(saving.WRITERS, suffix, half)
    with pytest.raises(OSError, match="full"):
        nn.save(net(1), path)
    with pytest.raises(TypeError, match="dtype"):
        nn.save({"x": np.array(["text"])}, path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == [path.name]


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match=r"model\.pt must end in \.npz or \.safetensors"):
        nn.save(net(), tmp_path / "model.pt")
    with pytest.raises(ValueError, match="must end in"):
        nn.load(tmp_path / "model")
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        nn.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        nn.save(net(), tmp_path / "nowhere" / "a.npz")
    with pytest.raises(TypeError, match="Module or a dict"):
        nn.save([1], tmp_path / "a.npz")
    with pytest.raises(TypeError, match="cannot name"):
        nn.save({1: np.ones(1)}, tmp_path / "a.npz")
    assert os.listdir(tmp_path) == []


def test_missing_package(tmp_path, monkeypatch):
    nn.save({"x": np.ones(1)}, tmp_path / "a.safetensors")
    find = builtins.__import__

    def no_safetensors(name, *args, **kwargs):
        if name.startswith("safetensors"):
            raise ImportError(name)
        return find(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_safetensors)
    for call in (lambda: nn.load(tmp_path / "a.safetensors"), lambda: nn.save({}, tmp_path / "b.safetensors")):
        with pytest.raises(ImportError, match=r"pip install 'tapegrad\[io\]'"):
            call()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("make", [optim.Adam, lambda p: optim.SGD(p, momentum=0.9), lambda p: optim.RMSprop(p)])
def test_an_optimiser_goes_on_where_it_was_saved(tmp_path, suffix, make):
    def three_steps(p, optimizer):
        for k in range(3):
            p.grad = tg.tensor(np.cos(np.arange(6) + k).reshape(2, 3))
            optimizer.step()

    p = nn.Parameter(np.ones((2, 3)), dtype=np.float64)
    optimizer = make([p])
    three_steps(p, optimizer)
    path = tmp_path / f"o{suffix}"
    nn.save(optimizer.state_dict(), path)
    q = nn.Parameter(p.detach().numpy(), dtype=np.float64)
    again = make([q])
    again.load_state_dict(nn.load(path))
    three_steps(p, optimizer)
    three_steps(q, again)
    np.testing.assert_array_equal(p.data, q.data)


def test_nested_states_come_back_as_they_were(tmp_path):
    state = {"a": {1: np.arange(3), "x": [True, None, "w", 2.5, (1, 2)]}, "b": tg.ones(2)}
    nn.save(state, tmp_path / "s.npz")
    found = nn.load(tmp_path / "s.npz")
    assert found["a"]["x"] == [True, None, "w", 2.5, (1, 2)]
    np.testing.assert_array_equal(found["a"][1], [0, 1, 2])
    np.testing.assert_array_equal(found["b"], [1, 1])
    with pytest.raises(TypeError, match="cannot be a key"):
        nn.save({"a": {(1, 2): 3}}, tmp_path / "s.npz")


def test_a_header_that_claims_too_much_is_a_damaged_file(tmp_path):
    path = tmp_path / "big.npz"
    with zipfile.ZipFile(path, "w") as archive:
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }"
        header += b" " * (117 - len(header)) + b"\n"
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(ValueError, match=r"big\.npz cannot be read"):
        nn.load(path)


def test_the_name_of_the_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="taken by the format"):
        nn.save({"__plan__": np.ones(3)}, tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())


def test_a_dtype_that_numpy_has_not_is_named(tmp_path):
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ValueError, match="a dtype that NumPy does not have"):
        nn.load(path)
