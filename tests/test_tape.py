"""The tape itself: what is recorded and kept, how it prints, that it is freed."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.tape import usual


def test_text_is_a_typed_program() -> None:
    x = tg.tensor(np.ones((2, 3)), requires_grad=True, name="x")
    w = tg.tensor(np.ones((3, 4), np.float32), requires_grad=True, name="w")
    y = tg.tanh(x @ w + 1.5).sum(axis=0)
    assert str(tg.Tape.of(y)) == "\n".join(
        [
            "x: f64[2, 3] = leaf",
            "w: f32[3, 4] = leaf",
            "%2: f64[2, 4] = matmul(x, w)  # keeps y, x",
            "%3: f64[2, 4] = add(%2, 1.5)",
            "%4: f64[2, 4] = tanh(%3)  # keeps out",
            "%5: f64[4] = sum(%4, keepdims=False, axis=(0,))",
            "return %5",
        ]
    )


def test_a_walked_tape_still_prints() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    assert "multiply(%0, %0)  # spent" in tg.Tape.of(y).text()


def test_only_what_rules_name_is_kept() -> None:
    x = tg.tensor(np.ones((100, 100)), requires_grad=True)
    c = np.ones((100, 100))
    assert tg.Tape.of(x + c).kept() == {}
    assert tg.Tape.of(x.sum()).kept() == {}
    assert tg.Tape.of(tg.exp(x)).kept() == {"exp": 80_000}
    w = tg.tensor(np.ones((100, 100)), requires_grad=True)
    data = tg.tensor(np.ones((100, 100)))
    node = (data @ w).node
    assert node is not None
    assert len(node.kept) == 1  # the images, for the weights' gradient; not the weights
    assert tg.Tape.of(tg.exp(x) * w).kept() == {"exp": 80_000, "multiply": 80_000}


def test_kept_counts_a_shared_buffer_once() -> None:
    x = tg.tensor(np.ones(1000), requires_grad=True)
    assert sum(tg.Tape.of(x * x + x * x).kept().values()) == 8000


def test_a_long_tape_prints_its_ends() -> None:
    x = tg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100):
        y = y * 1.5
    shown = str(tg.Tape.of(y)).splitlines()
    assert len(shown) == 20 + 1 + 10 + 1
    assert "71 more" in shown[20]
    assert len(tg.Tape.of(y).text().splitlines()) == 102


def test_a_million_ops_without_recursion_or_the_cyclic_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x = tg.tensor(np.ones(1), requires_grad=True)
        y = x
        for _ in range(1_000_000):
            y = y * 1.0
        first = weakref.ref(y.node.inputs[0])
        y.backward()
        assert x.grad.item() == 1.0
        tape = tg.Tape.of(y)
        assert len(tape) == 1_000_001
        assert "more; tape.text()" in str(tape)
        assert first() is not None
        del tape, y
        assert first() is None
    finally:
        gc.enable()


def test_a_graph_is_freed_by_reference_counting() -> None:
    gc.collect()
    gc.disable()
    try:
        x = tg.tensor(np.ones(10), requires_grad=True)
        y = (tg.sin(x) * x).sum()
        node = weakref.ref(y.node)
        g = tg.grad(y, x, create_graph=True)
        inner = weakref.ref(g.node)
        del y, g
        assert node() is None
        assert inner() is None
    finally:
        gc.enable()


def test_threads_record_and_differentiate_at_the_same_time() -> None:
    shared = tg.tensor(np.full(4, 2.0), requires_grad=True)
    errors: list[BaseException] = []

    def work(k: int) -> None:
        try:
            for _ in range(50):
                x = tg.tensor(np.full(4, float(k)), requires_grad=True)
                with tg.set_grad_enabled(k % 2 == 0):
                    y = (x * shared).sum()
                if k % 2 == 0:
                    g = tg.grad(y, x)
                    np.testing.assert_array_equal(g.data, shared.data)
                else:
                    assert not y.requires_grad
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert tg.is_grad_enabled()


def test_threads_add_to_the_gradient_of_one_leaf() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        w = tg.tensor(np.ones(4), requires_grad=True)

        def work() -> None:
            for _ in range(500):
                (w * 1.0).sum().backward()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(before)
    np.testing.assert_array_equal(w.grad.data, np.full(4, 2000.0))


def test_two_walks_of_one_tape_do_not_meet() -> None:
    x = tg.tensor(np.full(3, 2.0), requires_grad=True)
    y = (x * x * x).sum()
    results = []

    def walk() -> None:
        for _ in range(20):
            results.append(tg.grad(y, x, retain_graph=True).data)

    threads = [threading.Thread(target=walk) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all((r == 12.0).all() for r in results)


def test_a_long_chain_is_freed_in_a_thread() -> None:
    def work() -> None:
        y = tg.tensor(1.0, requires_grad=True)
        for _ in range(100_000):
            y = y + 1.0
        y.backward()

    t = threading.Thread(target=work)
    t.start()
    t.join()


def test_a_loop_over_items_needs_memory_linear_in_its_length() -> None:
    n = 3000
    x = tg.tensor(np.ones(n), requires_grad=True)
    s = 0.0
    for i in range(n):
        s = s + x[i] * x[i]
    tracemalloc.start()
    try:
        s.backward()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1000 * n  # one array of x's size for each item would be 8 * n * n = 24,000 * n
    np.testing.assert_array_equal(x.grad.data, np.full(n, 2.0))


def test_tape_of_refuses_arrays() -> None:
    with pytest.raises(TypeError, match="ndarray"):
        tg.Tape.of(np.ones(3))


def test_what_a_thread_has_of_its_own_reaches_no_other() -> None:
    x = tg.tensor(np.ones(3), requires_grad=True)
    inside, leave = threading.Event(), threading.Event()
    found = []

    def other() -> None:
        with tg.no_grad():
            inside.set()
            assert leave.wait(20)
            found.append((x * x).requires_grad)
        found.append((x * x).requires_grad)

    assert usual.plain == ()
    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(20)
    assert usual.plain is None  # ops look at the thread's own now
    assert (x * x).requires_grad and np.tanh(x).requires_grad
    with tg.scope("here"):
        assert (x * x).node.scope == ("here",)
    leave.set()
    thread.join()
    assert found == [False, True]
    assert usual.plain == ()
    assert (x * x).node.scope == ()
