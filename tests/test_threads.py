"""The worker pool: every task once, errors, nesting, users' threads, forks, and BLAS's own count."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.kernels import threads


@pytest.fixture(autouse=True)
def four_threads():
    before = tg.get_num_threads()
    tg.set_num_threads(4)
    yield
    tg.set_num_threads(before)


def run_python(code: str, **environment: str) -> str:
    env = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"} | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_task_is_done_once() -> None:
    for n in (1, 2, 3, 4, 5, 17, 100):
        done = [0] * n

        def task(k: int, done=done) -> None:
            done[k] += 1

        threads.run([lambda k=k: task(k) for k in range(n)])
        assert done == [1] * n


def test_share_covers_the_range() -> None:
    for n in (0, 1, 2, 3, 7, 1000):
        for pieces in (0, 1, 5):
            seen = np.zeros(n, int)

            def work(start: int, stop: int, seen=seen) -> None:
                seen[start:stop] += 1

            threads.share(n, work, pieces=pieces)
            assert (seen == 1).all()


def test_work_goes_to_several_threads() -> None:
    together = threading.Barrier(3, timeout=20)
    threads.run([together.wait] * 3)  # passes only if three threads are in it at once
    assert not together.broken


def test_the_first_error_comes_out_and_the_pool_goes_on() -> None:
    after = []

    def fail() -> None:
        raise ValueError("task 0")

    with pytest.raises(ValueError, match="task 0"):
        threads.run([fail, *[lambda: after.append(1)] * 20])
    done = []
    threads.run([lambda: done.append(1)] * 8)
    assert len(done) == 8


def test_an_error_leaves_blas_as_it_was() -> None:
    threads.blas.find()
    if not threads.blas.known:
        pytest.fail("the BLAS of this NumPy is not known: find its symbols, or install threadpoolctl")
    before = threads.blas.get()
    inside = []

    def fail() -> None:
        inside.append(threads.blas.get())
        raise ValueError

    with pytest.raises(ValueError):
        threads.run([fail] * 4, blas_work=True)
    assert inside[0] == 1
    assert threads.blas.get() == before
    assert threads.blas.depth == 0


def test_a_task_that_shares_work_does_it_itself() -> None:
    names = []

    def outer() -> None:
        me = threading.get_ident()
        threads.run([lambda: names.append(threading.get_ident() == me)] * 5)

    threads.run([outer] * 4)
    assert names == [True] * 20


def test_users_threads_at_once() -> None:
    totals = [0] * 6

    def user(k: int) -> None:
        for _ in range(30):
            parts = np.zeros(8)

            def work(a: int, b: int, parts=parts) -> None:
                parts[a:b] += 1

            threads.share(8, work, pieces=8)
            totals[k] += int(parts.sum())

    users = [threading.Thread(target=user, args=(k,)) for k in range(6)]
    for t in users:
        t.start()
    for t in users:
        t.join()
    assert totals == [240] * 6


def test_numpys_error_settings_go_along() -> None:
    x = np.zeros(8)
    with np.errstate(all="ignore"):
        threads.share(8, lambda a, b: np.divide(1.0, x[a:b]), pieces=8)  # a warning would be an error here
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        threads.share(8, lambda a, b: np.divide(1.0, x[a:b]), pieces=8)


def test_workers_hold_nothing_while_they_wait() -> None:
    import weakref

    class Big:
        pass

    big = Big()
    gone = weakref.ref(big)
    threads.run([lambda big=big: None] * 4)
    del big
    for _ in range(200):
        if gone() is None:
            break
        time.sleep(0.01)
    assert gone() is None


def test_no_thread_at_import_or_for_small_work() -> None:
    code = (
        "import threading, numpy as np, tapegrad as tg\n"
        "x = tg.tensor(np.ones((8, 8)), requires_grad=True); (tg.tanh(x) * x).sum().backward()\n"
        "print(threading.active_count())"
    )
    assert run_python(code) == "1"


def test_the_environment_is_honoured() -> None:
    code = "import tapegrad as tg; print(tg.get_num_threads())"
    assert run_python(code, OMP_NUM_THREADS="3") == "3"
    assert int(run_python(code, OMP_NUM_THREADS="none")) >= 1


@pytest.mark.parametrize("n", [0, -1])
def test_a_count_below_one_is_refused(n) -> None:
    with pytest.raises(ValueError, match="1 thread or more"):
        tg.set_num_threads(n)


@pytest.mark.parametrize("n", [2.0, "2", True, None])
def test_a_count_must_be_an_int(n) -> None:
    with pytest.raises(TypeError, match="expected an int"):
        tg.set_num_threads(n)


def test_set_num_threads_sets_blas() -> None:
    threads.blas.find()
    tg.set_num_threads(1)
    assert tg.get_num_threads() == 1
    assert not threads.blas.known or threads.blas.get() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_workers_of_its_own() -> None:
    code = """
import os, warnings
warnings.simplefilter("ignore")
import numpy as np, tapegrad as tg
from tapegrad.kernels import threads
tg.set_num_threads(2)
x = np.ones(1 << 20, np.float32)
threads.share(2, lambda a, b: None, pieces=2)
pid = os.fork()
t = tg.tensor(x, requires_grad=True)
(t * t).sum().backward()
ok = bool((t.grad.numpy() == 2).all()) and threads.pool.started == 1
if pid == 0:
    os._exit(0 if ok else 1)
_, status = os.waitpid(pid, 0)
print(ok, os.waitstatus_to_exitcode(status))
"""
    assert run_python(code) == "True 0"


def test_results_do_not_depend_on_the_count() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(512, 1024)).astype(np.float32)

    def gradient(n: int) -> np.ndarray:
        tg.set_num_threads(n)
        x = tg.tensor(data, requires_grad=True)
        (tg.tanh(x * x) * tg.exp(-x) / (1.0 + x * x)).sum().backward()
        return x.grad.numpy()

    np.testing.assert_array_equal(gradient(1), gradient(2))
    np.testing.assert_array_equal(gradient(1), gradient(5))
