"""Runs that go well: digits and moons, ten seeds each, eager and replayed. No finding is an error
and hardly one a warning.
"""

import numpy as np
import pytest

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim

from .tables import digits, moons


def some_digits(seed):
    X, y = digits()
    rows = np.random.default_rng(seed).permutation(len(X))[:1500]
    return X[rows], y[rows]


@pytest.mark.parametrize(
    ("data", "sizes", "make"),
    [
        (some_digits, (64, 64, 64, 10), lambda p: optim.Adam(p, lr=1e-3)),
        (some_digits, (64, 32, 10), lambda p: optim.SGD(p, lr=0.05, momentum=0.9)),
        (moons, (2, 32, 2), lambda p: optim.Adam(p, lr=1e-2)),
        (moons, (2, 16, 16, 2), lambda p: optim.SGD(p, lr=0.2)),
    ],
    ids=["digits-adam", "digits-momentum", "moons-adam", "moons-sgd"],
)
def test_nothing_is_wrong_with_a_healthy_run(data, sizes, make):
    warnings = []
    for seed in range(10):
        X, y = data(seed)
        activation = nn.Tanh if seed % 3 == 2 else nn.ReLU
        model = nn.MLP(sizes, activation=activation, generator=bl.Generator(seed))
        optimizer = make(model.parameters())

        def step(x, t, model=model, optimizer=optimizer):
            loss = F.cross_entropy(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        with bl.watch(model, optimizer) as seen:
            if seed % 2:
                bl.replay(step).run(
                    X, y, batch_size=32, epochs=12, shuffle=True, generator=bl.Generator(seed)
                )
            else:
                for _ in range(12):
                    for batch in nn.batches(
                        X, y, batch_size=32, shuffle=True, generator=bl.Generator(seed)
                    ):
                        step(*batch)
        assert seen.records.units
        with bl.no_grad():
            right = (model(bl.tensor(X)).argmax(1).numpy() == y).mean()
        assert right > 0.9
        assert not [f for f in seen.findings if f.level == "error"], f"seed {seed}\n{seen}"
        warnings += [(seed, f.code, f.statistic) for f in seen.findings if f.level == "warning"]
    assert len(warnings) <= 1, warnings
