"""A small pool of worker threads for work that NumPy does outside the interpreter lock.

Knows functions to call and how many cores to use; must not know what they compute.

`run(tasks)` calls functions on a few threads at once, the caller's among them, and returns when all are done; `share`
cuts a range into such tasks. OpenBLAS's own threads lose badly when anything else runs, so while workers run each calls
BLAS on one thread: its count is set to 1 on entering the first such region and restored after the last. No thread
starts at import or for small work; a task that shares work runs it by itself; a forked child starts without workers.
"""

from __future__ import annotations

import contextvars
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from queue import SimpleQueue
from typing import Any

import numpy as np

__all__ = ["blas_alone", "block", "get_num_threads", "run", "set_num_threads", "share"]

STACK = 1 << 20  # bytes: Python 3.13 needs as much to free a very long chain


# -- BLAS's own threads --------------------------------------------------------------------------------------


class Blas(AbstractContextManager[None]):
    """The thread count of the BLAS that NumPy has loaded; `known` says whether it can be set."""

    def __init__(self) -> None:
        self.known = False
        self.functions: ctypes.CDLL | None = None  # of the library that NumPy stands on, where that could be opened
        self.get: Callable[[], int] = lambda: 1
        self.set: Callable[[int], Any] = lambda n: None
        self.depth = 0
        self.before = 1
        self.lock = threading.Lock()
        self.found = False

    def find(self) -> None:
        """Look for the two functions, once: OpenBLAS by its symbols, else whatever threadpoolctl knows."""
        if self.found:
            return
        self.found = True
        try:
            umath = sys.modules["numpy._core._multiarray_umath"].__file__ or ""
            library = ctypes.PyDLL(umath)  # loaded already: this only looks symbols up, in what it depends on too
            self.functions = library
        except (KeyError, OSError):
            library = None
        for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", "")):
            try:
                self.get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}")
                self.set = getattr(library, f"{prefix}openblas_set_num_threads{suffix}")
            except AttributeError:
                continue
            self.known = True
            return
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            return
        controllers = ThreadpoolController().select(user_api="blas").lib_controllers
        if controllers:
            self.get = controllers[0].get_num_threads
            self.set = controllers[0].set_num_threads
            self.known = True

    def __enter__(self) -> None:
        """BLAS on one thread while in here; counted, so that it may be entered from several threads."""
        with self.lock:
            self.depth += 1
            if self.depth == 1:
                self.before = self.get()
                if self.before != 1:
                    self.set(1)

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.depth -= 1
            if self.depth == 0 and self.before != 1:
                self.set(self.before)


# -- the workers ---------------------------------------------------------------------------------------------


class Job:
    """Tasks that several threads work off. The first error is kept, and what has not begun by then is left out."""

    def __init__(self, tasks: Sequence[Callable[[], Any]]) -> None:
        self.tasks = tasks
        self.next = count().__next__  # atomic: each task is taken once
        self.finished = count(1).__next__
        self.done = threading.Lock()
        self.done.acquire()
        self.error: BaseException | None = None

    def work(self) -> None:
        """Do tasks until none is left."""
        tasks, n = self.tasks, len(self.tasks)
        inside.yes = True
        try:
            while True:
                k = self.next()
                if k >= n:
                    return
                try:
                    if self.error is None:
                        tasks[k]()
                except BaseException as error:
                    if self.error is None:
                        self.error = error
                if self.finished() == n:
                    self.done.release()
        finally:
            inside.yes = False


class Inside(threading.local):
    """Whether this thread is at work for a `run`, which must not wait for another."""

    yes = False


inside = Inside()


def _worker(queue: SimpleQueue[Any]) -> None:
    while True:
        context, job = queue.get()
        context.run(job.work)
        del context, job  # hold nothing while waiting


class Pool:
    """The workers: daemons that wait on one queue, started when they are first needed."""

    def __init__(self) -> None:
        self.count = _from_environment()
        self.reset()

    def reset(self) -> None:
        self.lock = threading.Lock()
        self.queue: SimpleQueue[Any] = SimpleQueue()
        self.started = 0
        self.products = 0  # products of matrices since anything else ran here

    def start(self, n: int) -> None:
        with self.lock:
            if self.started >= n:
                return
            before = threading.stack_size()
            if 0 < before < STACK:
                threading.stack_size(STACK)
            try:
                while self.started < n:
                    name = f"tapegrad-{self.started + 1}"
                    threading.Thread(target=_worker, args=(self.queue,), name=name, daemon=True).start()
                    self.started += 1
            finally:
                if 0 < before < STACK:
                    threading.stack_size(before)


def _from_environment() -> int:
    """OMP_NUM_THREADS where it is a positive number, else the cores that this process may use."""
    text = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


blas = Blas()
pool = Pool()


def _after_fork() -> None:
    global inside
    pool.reset()
    inside = Inside()
    blas.lock = threading.Lock()
    if blas.depth:
        blas.depth = 0
        blas.set(blas.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# -- the face ------------------------------------------------------------------------------------------------


def get_num_threads() -> int:
    """How many threads large work is cut over."""
    return pool.count


def set_num_threads(n: int) -> None:
    """Cut large work over n threads (at first OMP_NUM_THREADS, else the number of cores); BLAS is told the same.

    Results do not depend on it beyond rounding. Raises ValueError for n < 1.
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"set_num_threads: expected an int, got {type(n).__name__}")
    if n < 1:
        raise ValueError(f"set_num_threads: there must be 1 thread or more, got {n}")
    pool.count = int(n)
    blas.find()
    if blas.known:
        with blas.lock:
            if blas.depth:
                blas.before = int(n)
            else:
                blas.set(int(n))


def threads_for(blas_work: bool = False) -> int:
    """How many threads `run` would use here."""
    if pool.count == 1 or inside.yes:
        return 1
    if blas_work:
        blas.find()
        if not blas.known:
            return 1  # its own threads and ours would fight for the cores
    return pool.count


def block(alone: int) -> int:
    """How much to work on at a time where one thread by itself does best with `alone`: with several, calls of NumPy
    must be longer than it takes to wake a thread up, since between calls they take turns."""
    return alone if pool.count == 1 else 2 * alone


def blas_alone() -> AbstractContextManager[None]:
    """A context in which BLAS keeps to the thread that calls it.

    Every call of it belongs into one, or into `run`: OpenBLAS's own threads stay awake for some 25 ms after a call, and
    take a core from what is cut over the pool meanwhile.
    """
    if pool.count == 1 or inside.yes:
        return _NOTHING
    blas.find()
    return blas


_NOTHING: AbstractContextManager[None] = nullcontext()


def run(tasks: Sequence[Callable[[], Any]], blas_work: bool = False) -> None:
    """Call every task, on several threads at once; blas_work says that they call BLAS.

    A task must write where no other does. The first error that a task raises is raised when all have stopped.
    """
    threads = min(threads_for(blas_work), len(tasks))
    with blas_alone() if blas_work else _NOTHING:
        if threads <= 1:
            for task in tasks:
                task()
        else:
            _run(tasks, threads)


def _run(tasks: Sequence[Callable[[], Any]], threads: int) -> None:
    job = Job(tasks)
    pool.products = 0
    if pool.started < threads - 1:
        pool.start(threads - 1)
    for _ in range(threads - 1):
        pool.queue.put((contextvars.copy_context(), job))  # the caller's np.errstate goes along
    job.work()
    interrupt = None
    while True:
        try:
            job.done.acquire()
            break
        except KeyboardInterrupt as error:  # the workers still write into the buffers of this call
            interrupt = error
    if interrupt is not None:
        raise interrupt
    if job.error is not None:
        try:
            raise job.error
        finally:
            job.error = None


def share(n: int, work: Callable[[int, int], Any], *, pieces: int = 0, blas_work: bool = False) -> None:
    """Call `work(start, stop)` over pieces of range(n): one a thread, or as many as given."""
    threads = threads_for(blas_work)
    pieces = min(n, pieces if pieces and threads > 1 else threads)
    if pieces <= 1:
        if n:
            run([lambda: work(0, n)], blas_work)
        return
    ends = [n * k // pieces for k in range(pieces + 1)]
    run([lambda a=a, b=b: work(a, b) for a, b in zip(ends, ends[1:], strict=False)], blas_work)  # type: ignore[misc]
