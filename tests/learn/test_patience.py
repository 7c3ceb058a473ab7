"""Early stopping: it waits as many epochs as it was told, counted from the last one that gained."""

import numpy as np
import pytest

from backlit import nn
from backlit.learn.checks.context import Part
from backlit.learn.models.loop import train
from backlit.learn.models.tasks import Classification


def parts(validation_labels):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    y[200:] = validation_labels(y[200:])
    return [Part(X[rows], y[rows], y[rows], rows) for rows in np.split(np.arange(300), [200])]


def fit(labels, patience, epochs=30):
    both = parts(labels)
    return train(
        lambda: nn.MLP([2, 8, 2]),
        Classification("ab", both[0].truth),
        *both,
        epochs=epochs,
        lr=0.01,
        batch_size=32,
        seed=0,
        patience=patience,
    )


def test_a_loss_that_falls_all_the_time_is_let_fall():
    ended = fit(lambda y: y, patience=3)
    assert ended.status == "finished"
    assert len(ended.history) - 1 == ended.best == 30


@pytest.mark.parametrize("patience", [1, 4, 9])
def test_a_loss_that_only_rises_is_waited_for_and_no_longer(patience):
    """The validation labels are the wrong way round: what is learned makes them worse."""
    ended = fit(lambda y: 1 - y, patience)
    losses = [epoch.validation_loss for epoch in ended.history]
    assert losses == sorted(losses)
    assert (ended.status, len(losses) - 1, ended.best) == ("early", patience, 0)
