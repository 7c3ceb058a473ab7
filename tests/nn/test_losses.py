"""Losses: the modules are the functions, with every argument handed on."""

import math

import numpy as np
import pytest

import backlit.nn.functional as F
from backlit import nn
from backlit.engine import tensor, zeros

rng = np.random.default_rng(0)
LOGITS = rng.normal(size=(6, 3))
CLASSES = np.array([0, 2, 1, 1, -100, 0])
YES = (rng.random((6, 3)) > 0.5).astype(float)
WEIGHT = np.array([1.0, 2.0, 0.5])


def by_hand(logits, classes, weight=None, smoothing=0.0, ignore=-100):
    """Cross-entropy as its definition says, in float64: losses and weights of the rows."""
    weight = np.ones(logits.shape[1]) if weight is None else weight
    logp = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    losses, weights = np.zeros(len(logits)), np.zeros(len(logits))
    for row, label in enumerate(classes):
        if label != ignore:
            exact = -weight[label] * logp[row, label]
            spread = -(weight * logp[row]).mean()
            losses[row] = (1 - smoothing) * exact + smoothing * spread
            weights[row] = weight[label]
    return losses, weights


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy(weight, smoothing, reduction):
    w = None if weight is None else tensor(weight, dtype=np.float64)
    loss = nn.CrossEntropyLoss(weight=w, reduction=reduction, label_smoothing=smoothing)
    got = loss(tensor(LOGITS, dtype=np.float64), tensor(CLASSES)).numpy()
    losses, weights = by_hand(LOGITS, CLASSES, weight, smoothing)
    wanted = {"mean": losses.sum() / weights.sum(), "sum": losses.sum(), "none": losses}[reduction]
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_cross_entropy_ignores_the_class_it_is_told_to():
    loss = nn.CrossEntropyLoss(ignore_index=1)
    labels = np.array([0, 2, 1, 1, 0, 0])
    losses, weights = by_hand(LOGITS, labels, ignore=1)
    got = loss(tensor(LOGITS, dtype=np.float64), tensor(labels)).item()
    assert got == pytest.approx(losses.sum() / weights.sum(), rel=1e-12)


def test_an_ignorant_model_has_log_c():
    assert F.cross_entropy(zeros((4, 10)), tensor([1, 2, 3, 4])).item() == pytest.approx(
        math.log(10), rel=1e-6
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse(reduction):
    squares = (LOGITS - YES) ** 2
    got = nn.MSELoss(reduction)(tensor(LOGITS), tensor(YES)).numpy()
    wanted = {"mean": squares.mean(), "sum": squares.sum(), "none": squares}[reduction]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("pos_weight", [None, WEIGHT[::-1].copy()])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_binary_cross_entropy(weight, pos_weight, reduction):
    p = 1 / (1 + np.exp(-LOGITS))
    losses = -((1 if pos_weight is None else pos_weight) * YES * np.log(p))
    losses -= (1 - YES) * np.log(1 - p)
    losses *= 1 if weight is None else weight

    def maybe(w):
        return None if w is None else tensor(w, dtype=np.float64)

    loss = nn.BCEWithLogitsLoss(maybe(weight), reduction, maybe(pos_weight))
    got = loss(tensor(LOGITS, dtype=np.float64), tensor(YES, dtype=np.float64)).numpy()
    wanted = {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_weights_are_buffers():
    assert list(nn.CrossEntropyLoss(tensor(WEIGHT)).state_dict()) == ["weight"]
    assert list(nn.CrossEntropyLoss().state_dict()) == []
    loss = nn.BCEWithLogitsLoss(pos_weight=tensor(WEIGHT))
    assert list(loss.state_dict()) == ["pos_weight"]
    assert list(loss.parameters()) == []


@pytest.mark.parametrize("loss", [nn.MSELoss, nn.CrossEntropyLoss, nn.BCEWithLogitsLoss])
def test_an_unknown_reduction_is_refused_at_once(loss):
    with pytest.raises(ValueError, match="average"):
        loss(reduction="average")


def test_repr():
    assert repr(nn.MSELoss("sum")) == "MSELoss(reduction='sum')  # 0 parameters"


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax_and_its_logarithm_along_any_axis(dim):
    e = np.exp(LOGITS)
    wanted = e / e.sum(dim, keepdims=True)
    x = tensor(LOGITS, dtype=np.float64)
    np.testing.assert_allclose(F.softmax(x, dim).numpy(), wanted, rtol=1e-12)
    np.testing.assert_allclose(F.log_softmax(x, dim).numpy(), np.log(wanted), rtol=1e-12)
