"""`tapegrad demo`: a convolutional network learns handwritten digits, checks its own gradients and draws its tape.

The digits are the 1,797 real ones (8 x 8 pixels) that scikit-learn ships: nothing is downloaded.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import tapegrad as tg
from tapegrad import nn, optim

__all__ = ["DemoError", "run"]

EPOCHS = 20
BATCH = 64


class DemoError(Exception):
    """What keeps the demo from running, and the way out."""


def digits(seed: int) -> tuple[np.ndarray[Any, Any], ...]:
    """Images (N, 1, 8, 8) in float32 and labels: a training set, and a fifth of each digit as a test set."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise DemoError("the digits come with scikit-learn: python3 -m pip install 'tapegrad[demo]'") from error
    data = load_digits()
    images = (data.images / 8 - 1).astype(np.float32)[:, None]  # 0..16 -> -1..1, (N, 1, 8, 8)
    x, x_test, y, y_test = train_test_split(images, data.target, test_size=0.2, random_state=seed, stratify=data.target)
    return x, y, x_test, y_test


class DigitNet(nn.Module):
    """Three convolution - batch norm - relu blocks with two max pools between them, and a linear layer."""

    def __init__(self, generator: np.random.Generator) -> None:
        super().__init__()

        def block(channels: int, filters: int) -> nn.Sequential:
            conv = nn.Conv2d(channels, filters, 3, padding=1, bias=False, generator=generator)
            return nn.Sequential(conv, nn.BatchNorm2d(filters), nn.ReLU())

        self.fine = block(1, 24)
        self.middle = block(24, 48)
        self.coarse = block(48, 64)
        self.head = nn.Linear(256, 10, generator=generator)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        x = tg.max_pool2d(self.middle(self.fine(x)), 2)  # (N, 48, 4, 4)
        x = tg.max_pool2d(self.coarse(x), 2)  # (N, 64, 2, 2)
        scores: tg.Tensor = self.head(x.reshape(len(x), -1))
        return scores


def shifted(x: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Each image moved by up to one pixel each way: more to learn from than 1,437 images."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-1)
    rows, columns = rng.integers(0, 3, (2, len(x)))
    i = rows[:, None, None] + np.arange(8)[:, None]  # (N, 8, 1)
    j = columns[:, None, None] + np.arange(8)  # (N, 1, 8)
    return np.asarray(padded[np.arange(len(x))[:, None, None], :, i, j].transpose(0, 3, 1, 2))  # (N, 1, 8, 8)


class Progress:
    """A bar that redraws itself on a terminal; elsewhere a line now and then."""

    def __init__(self, total: int) -> None:
        self.total, self.start, self.live = total, time.perf_counter(), sys.stdout.isatty()

    def show(self, done: int, note: str) -> None:
        seconds = time.perf_counter() - self.start
        if self.live:
            full = 30 * done // self.total
            end = "\n" if done == self.total else ""
            print(f"\r[{'#' * full}{'.' * (30 - full)}] {note}  {seconds:4.1f} s ", end=end, flush=True)
        elif done == self.total or done % max(1, self.total // 6) == 0:
            print(f"{note}  {seconds:.1f} s", flush=True)


def accuracy(net: nn.Module, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
    net.eval()
    with tg.no_grad():
        guess = net(tg.tensor(x)).numpy().argmax(1)
    net.train()
    return float((guess == y).mean())


def train(net: nn.Module, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], epochs: int, seed: int) -> None:
    """Adam with a cosine schedule, on images shifted afresh in each epoch."""
    rng = np.random.default_rng(seed)
    optimizer = optim.AdamW(net.parameters(), lr=4e-3, weight_decay=0.02)
    schedule = optim.CosineAnnealingLR(optimizer, epochs)
    batches = nn.batches(x, y, batch_size=BATCH, seed=seed)
    progress = Progress(epochs)
    for epoch in range(epochs):
        total = 0.0
        for images, labels in batches:
            loss = tg.cross_entropy(net(tg.tensor(shifted(images, rng), name="images")), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        schedule.step()
        progress.show(epoch + 1, f"epoch {epoch + 1:2d}/{epochs}  loss {total / len(x):.4f}")


def check(net: nn.Module, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> None:
    """The gradient of the trained network's loss in every parameter, against differences, in double precision."""
    net.astype(np.float64)
    net.eval()
    names, parameters = zip(*net.named_parameters(), strict=True)
    values = [p.detach().numpy().copy() for p in parameters]

    def loss(*given: Any) -> Any:
        h = tg.tensor(x.astype(np.float64))
        found = dict(zip(names, given, strict=True))
        return tg.cross_entropy(nn.functional_call(net, found, h), y)

    tg.gradcheck(loss, [tg.tensor(v, requires_grad=True) for v in values], atol=1e-7, rtol=1e-6)
    net.astype(np.float32)
    count = sum(v.size for v in values)
    print(f"gradient check: {count:,} parameters in {len(values)} tensors agree with differences")


def run(epochs: int | None, seed: int, output: str) -> None:
    """Train, test, check, print and draw. Raises DemoError without scikit-learn, or if the drawing fails."""
    started = time.perf_counter()
    x, y, x_test, y_test = digits(seed)
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    # on small images a second BLAS thread gains little, and loses twentyfold where another program uses the cores
    with threadpool_limits(1, "blas"):
        _run(epochs, seed, output, started, x, y, x_test, y_test)


def _run(epochs: int | None, seed: int, output: str, started: float, *data: np.ndarray[Any, Any]) -> None:
    x, y, x_test, y_test = data
    net = DigitNet(np.random.default_rng(seed))
    count = sum(p.size for p in net.parameters())
    print(f"{len(x):,} digits to learn from, {len(x_test)} held out; a network of {count:,} parameters")
    train(net, x, y, EPOCHS if epochs is None else epochs, seed)
    found = accuracy(net, x_test, y_test)
    wrong = round((1 - found) * len(y_test))
    print(f"held-out accuracy {100 * found:.2f}%  ({wrong} of {len(y_test)} wrong)\n")
    check(net, x_test[:2], y_test[:2])

    net.train()
    images = tg.tensor(x[:BATCH], name="images")
    loss = tg.cross_entropy(net(images), tg.tensor(y[:BATCH], name="labels"))
    tape = tg.Tape.of(loss)
    print(f"\nthe tape of one training step, on {BATCH} images:\n{tape}\n\nkept for the backward, by op:")
    for op, nbytes in tape.kept().items():
        print(f"  {op:<14} {nbytes / 1024:9.1f} KB")
    try:
        tg.draw(loss, path=output)
    except (OSError, ValueError, RuntimeError) as error:
        raise DemoError(f"the drawing: {error}") from error
    print(f"\nwrote {Path(output)}; {time.perf_counter() - started:.1f} s in all")
