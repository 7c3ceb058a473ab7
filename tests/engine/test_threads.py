"""Two Python threads in the engine at once compute the same bits as each alone."""

import threading

import numpy as np

from backlit.engine import (
    Generator,
    accumulate_,
    adam_update,
    cross_entropy,
    dropout,
    gradients,
    linear,
    no_grad,
    tensor,
    zeros_like,
)


def train(seed: int, steps: int = 40) -> bytes:
    """A few steps of a small network, everything of its own: the bits of its weights."""
    rng = np.random.default_rng(seed)
    x = tensor(rng.standard_normal((64, 20)))
    y = rng.integers(0, 5, 64)
    g = Generator(seed)
    weights = [tensor(rng.standard_normal(s) * 0.3, requires_grad=True)
               for s in ((70, 20), (70,), (5, 70), (5,))]  # fmt: skip
    states = [(zeros_like(w), zeros_like(w)) for w in weights]
    for step in range(1, steps + 1):
        h = dropout(linear(x, weights[0], weights[1]).tanh(), 0.2, generator=g)
        loss = cross_entropy(linear(h, weights[2], weights[3]), y)
        for w in weights:
            w.grad = None
        loss.backward()
        hyper = tensor([0.01, 0.9, 0.999, 1e-8, 0, 0, 0], "float64")
        for w, (m, v) in zip(weights, states, strict=True):
            with no_grad():
                assert w.grad is not None
                adam_update(w, w.grad, m, v, tensor(step, "float64"), hyper)
    return b"".join(w.data.tobytes() for w in weights)


def test_threads_do_not_disturb_each_other():
    seeds = [1, 2, 3]
    alone = [train(seed) for seed in seeds]
    assert train(1) == alone[0]
    together: dict[int, bytes] = {}
    problems: list[BaseException] = []
    start = threading.Barrier(len(seeds))

    def work(seed: int) -> None:
        try:
            start.wait()
            together[seed] = train(seed)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert [together[seed] for seed in seeds] == alone


def test_two_graphs_over_one_leaf():
    """Backward of two threads reads the same weights; each has gradients of its own graph."""
    w = tensor(np.linspace(-1, 1, 1000), requires_grad=True)
    found: dict[int, list[float]] = {}

    def work(k: int) -> None:
        for _ in range(20):
            (g,) = gradients((w * float(k)).sum(), w)
            assert g is not None
            found[k] = g.tolist()

    threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {1: [1.0] * 1000, 2: [2.0] * 1000}
    total = zeros_like(w)
    assert accumulate_(total, w).tolist() == w.tolist()
