"""Losses and softmax against NumPy written out in float64, and, where PyTorch is installed, against
PyTorch: values, gradients, every option, and what wrong targets are told.
"""

import itertools
from typing import Any

import numpy as np
import pytest

from backlit.engine import (
    BacklitError,
    DtypeError,
    ShapeError,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gradcheck,
    gradients,
    log_softmax,
    mse_loss,
    no_grad,
    ones,
    scope,
    softmax,
    tensor,
    zeros,
)

from .common import DTYPES, F32, F64, grads, held, laid_out, leaf

REDUCTIONS = ("mean", "sum", "none")

# -- softmax


def np_log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    x = x.astype(F64)
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


@DTYPES
@pytest.mark.parametrize("classes", [1, 2, 3, 10, 31, 33, 512, 1023, 1024, 1025, 2048, 5000])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_log_softmax_of_any_number_of_classes(rows: int, classes: int, dtype: np.dtype):
    """Several short rows share a block, one long row takes several: the borders are 1,024."""
    x = (np.random.default_rng(classes).standard_normal((rows, classes)) * 5).astype(dtype)
    out = log_softmax(held(x))
    exact = np_log_softmax(x, -1)
    assert out.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(out.numpy(), exact, rtol=8 * eps, atol=32 * eps)
    p = softmax(held(x)).numpy()
    np.testing.assert_allclose(p, np.exp(exact), rtol=64 * eps)
    np.testing.assert_allclose(p.sum(1), 1, rtol=64 * eps)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("layout", ["plain", "fortran", "strided", "reversed"])
def test_softmax_along_any_axis_of_any_layout(axis: int, layout: str):
    x = np.random.default_rng(0).standard_normal((3, 4, 5))
    t = held(laid_out(x, layout))
    np.testing.assert_allclose(log_softmax(t, axis).numpy(), np_log_softmax(x, axis), atol=1e-14)
    np.testing.assert_allclose(softmax(t, dim=axis).numpy(), np.exp(np_log_softmax(x, axis)))
    for f in (log_softmax, softmax):
        assert gradcheck(lambda t, f=f: f(t, axis), leaf(x))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 0, 3)])
def test_softmax_of_nothing(shape: tuple[int, ...]):
    for f in (log_softmax, softmax):
        x = leaf(np.zeros(shape))
        assert f(x).shape == shape
        assert grads(f(x).sum(), x)[0].shape == shape


def test_softmax_does_not_overflow():
    assert log_softmax(tensor([1000.0, 0.0])).tolist() == [0, -1000]
    assert softmax(tensor([1000.0, 0.0, -np.inf])).tolist() == [1, 0, 0]
    with pytest.raises(ShapeError):
        log_softmax(tensor(1.0))
    with pytest.raises(DtypeError):
        log_softmax(tensor([1, 2]))


# -- cross-entropy


def np_cross_entropy(
    x: np.ndarray, t: np.ndarray, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    """Written out row by row, as the documentation says it."""
    scores = np_log_softmax(x, 1)
    classes = x.shape[1]
    w = np.ones(classes) if weight is None else np.asarray(weight, F64)
    losses, counted = np.zeros(len(x)), 0.0
    for row in range(len(x)):
        if t.ndim == 1:
            if t[row] == ignore_index:
                continue
            target = np.eye(classes)[t[row]]
            counted += w[t[row]]
        else:
            target = t[row]
            counted += 1
        target = target * (1 - smoothing) + smoothing / classes
        losses[row] = -(target * w * scores[row]).sum()
    if reduction == "none":
        return losses
    return losses.sum() / counted if reduction == "mean" else losses.sum()


OPTIONS = [
    {"weight": w, "ignore_index": i, "reduction": r, "label_smoothing": s}
    for w, i, r, s in itertools.product(
        (None, [0.5, 2.0, 1.0, 3.0]), (-100, 1), REDUCTIONS, (0.0, 0.1)
    )
]


@DTYPES
@pytest.mark.parametrize("how", OPTIONS, ids=str)
def test_cross_entropy_with_every_option(how: dict[str, Any], dtype: np.dtype):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((6, 4)).astype(dtype)
    t = np.array([0, 1, 2, 3, 1, how["ignore_index"]])
    out = cross_entropy(leaf(x, dtype), t, **how)
    assert out.dtype == dtype
    oracle = (how["weight"], how["ignore_index"], how["reduction"], how["label_smoothing"])
    tolerance = 1e-5 if dtype == F32 else 1e-12
    np.testing.assert_allclose(out.numpy(), np_cross_entropy(x, t, *oracle), rtol=tolerance)
    p = np.abs(rng.standard_normal((6, 4)))
    p /= p.sum(1, keepdims=True)
    out = cross_entropy(leaf(x, dtype), p, **how)
    expected = np_cross_entropy(x, p.astype(dtype), *oracle)
    np.testing.assert_allclose(out.numpy(), expected, rtol=tolerance)
    if dtype == F64:
        assert gradcheck(lambda x: cross_entropy(x, t, **how), leaf(x))
        assert gradcheck(lambda x, p: cross_entropy(x, p, **how), [leaf(x), leaf(p)])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("ignore_index", [-100, 1])
def test_cross_entropys_second_derivative(reduction: str, ignore_index: int):
    t = [0, 1, 2, 1]

    def slope(x: Any) -> Any:
        from backlit.engine import enable_grad

        with enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            loss = cross_entropy(x, t, reduction=reduction, ignore_index=ignore_index)
            (g,) = gradients((loss * loss).sum(), x, create_graph=True)
            return g

    assert gradcheck(slope, leaf(np.random.default_rng(2).standard_normal((4, 3))), rtol=1e-3)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">i8"])
def test_classes_of_any_integer_type(kind: str):
    x = np.random.default_rng(3).standard_normal((3, 2))
    t = np.array([0, 1, 1]).astype(kind)
    expected = np_cross_entropy(x, t.astype(int), None, -100, "mean", 0.0)
    for target in (t, tensor(t), t[::-1].copy()[::-1], t.tolist()):
        assert cross_entropy(leaf(x), target).item() == pytest.approx(expected)


@pytest.mark.parametrize("classes", [1, 2, 1024, 1025, 3000])
def test_cross_entropys_gradient_for_many_classes(classes: int):
    """softmax(x) - onehot(t): for one row in one block, and in several."""
    rng = np.random.default_rng(4)
    x, t = rng.standard_normal((5, classes)), rng.integers(0, classes, 5)
    logits = leaf(x)
    (g,) = grads(cross_entropy(logits, t), logits)
    expected = (np.exp(np_log_softmax(x, 1)) - np.eye(classes)[t]) / 5
    np.testing.assert_allclose(g, expected, atol=1e-14)


def test_an_untrained_loss_is_ln_c():
    """The number to know: equal logits give ln C, whatever the targets are."""
    assert cross_entropy(zeros((7, 10)), np.arange(7)).item() == pytest.approx(np.log(10))


@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 3.0]])
@pytest.mark.parametrize(
    ("t", "row", "wrong"),
    [([0, 3], 1, 3), ([-1, 0], 0, -1), ([0, 99], 1, 99), ([2**62, 0], 0, 2**62), ([-100, 3], 1, 3)],
)
def test_a_class_out_of_range_names_row_and_class(t: list[int], row: int, wrong: int, weight: Any):
    """Labels counted from 1 are the usual reason, and the message says so."""
    with (
        scope("head"),
        pytest.raises(IndexError, match=rf"module head: row {row} has class {wrong}, .*3 classes"),
    ):
        cross_entropy(ones((2, 3)), t, weight=weight)


@pytest.mark.parametrize(
    ("logits", "target", "how"),
    [
        ((3,), [0], {}), ((2, 3, 4), [0, 1], {}), ((2, 3), [0], {}), ((2, 3), [[0], [1]], {}),
        ((2, 3), 0, {}), ((2, 3), [0.0, 1.0], {}), ((2, 3), np.ones((3, 2)), {}),
        ((2, 3), [0, 1], {"weight": [1.0, 2.0]}), ((2, 3), [0, 1], {"weight": 1.0}),
    ],
)  # fmt: skip
def test_targets_of_the_wrong_shape(logits: Any, target: Any, how: dict[str, Any]):
    with pytest.raises(ShapeError, match="cross_entropy"):
        cross_entropy(ones(logits), target, **how)


def test_options_out_of_range():
    for how in ({"reduction": "avg"}, {"label_smoothing": 1.5}, {"label_smoothing": -0.1}):
        with pytest.raises(ValueError, match="cross_entropy"):
            cross_entropy(ones((2, 3)), [0, 1], **how)  # type: ignore[arg-type]
    for loss in (mse_loss, binary_cross_entropy_with_logits):
        with pytest.raises(ValueError, match="avg"):
            loss(ones(2), ones(2), reduction="avg")
    with pytest.raises(TypeError):
        cross_entropy(ones((2, 3)), None)
    with pytest.raises(DtypeError):
        cross_entropy(tensor([[1, 2]]), [0])


@pytest.mark.parametrize("weight", [None, [1.0, 1.0]])
def test_when_all_targets_are_ignored_the_mean_is_nan_and_a_message_says_so(weight: Any):
    """0 / 0: no number would be right, and a silent 0 would look like a perfect batch."""
    x = leaf(np.ones((2, 2)))
    with pytest.warns(RuntimeWarning, match="ignored"):
        loss = cross_entropy(x, [-100, -100], weight=weight)
    assert np.isnan(loss.item())
    assert cross_entropy(x, [-100, -100], weight=weight, reduction="sum").item() == 0


@pytest.mark.parametrize("how", [{}, {"weight": [1.0, 2.0]}, {"label_smoothing": 0.0}])
def test_an_ignored_row_does_not_count_whatever_it_holds(how: dict[str, Any]):
    x = leaf([[-np.inf, 0.0], [1.0, 2.0]])
    loss = cross_entropy(x, [-100, 1], **how)
    assert loss.item() == pytest.approx(np.log1p(np.exp(-1)))
    (g,) = grads(loss, x)
    assert g[0].tolist() == [0, 0]


def test_targets_may_change_after_the_loss_is_taken_care_of():
    """A target tensor that is refilled in place before backward is noticed."""
    x, t = leaf(np.zeros((2, 3))), tensor([0, 1])
    loss = cross_entropy(x, t)
    t.fill_(2)
    with pytest.raises(BacklitError, match="changed in place"):
        loss.backward()
    with no_grad():
        assert cross_entropy(x, t).item() == pytest.approx(np.log(3))


# -- the other losses


@DTYPES
def test_mse(dtype: np.dtype):
    rng = np.random.default_rng(5)
    x, t = rng.standard_normal((4, 3)).astype(dtype), rng.standard_normal((4, 3))
    for reduction, expected in (
        ("none", (x - t) ** 2), ("sum", ((x - t) ** 2).sum()), ("mean", ((x - t) ** 2).mean()),
    ):  # fmt: skip
        out = mse_loss(leaf(x, dtype), t, reduction=reduction)
        assert out.dtype == dtype
        np.testing.assert_allclose(out.numpy(), expected, rtol=1e-5)
    assert gradcheck(mse_loss, [leaf(t), leaf(t + 1)])


@pytest.mark.parametrize("loss", [mse_loss, binary_cross_entropy_with_logits])
@pytest.mark.parametrize(("x", "t"), [((4, 1), (4,)), ((4,), (4, 1)), ((4,), ()), ((2, 3), (3,))])
def test_no_broadcasting_in_a_loss(loss: Any, x: Any, t: Any):
    """(N, 1) against (N,) would be N × N comparisons: the regression that learns nothing."""
    with pytest.raises(ShapeError, match=r"reshape"):
        loss(ones(x), ones(t))
    with pytest.raises(ShapeError):
        loss(ones(x), np.ones(t))


@DTYPES
@pytest.mark.parametrize("pos_weight", [None, 3.0, [0.5, 1.0, 2.0]])
@pytest.mark.parametrize("weight", [None, 2.0, [1.0, 0.0, 2.0]])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction: str, weight: Any, pos_weight: Any, dtype: np.dtype):
    rng = np.random.default_rng(6)
    x, t = (rng.standard_normal((4, 3)) * 3).astype(dtype), rng.random((4, 3)).astype(dtype)
    how = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
    wide, p = x.astype(F64), 1.0 if pos_weight is None else np.asarray(pos_weight)
    losses = p * t * np.logaddexp(0, -wide) + (1 - t) * np.logaddexp(0, wide)
    losses = losses * (1.0 if weight is None else np.asarray(weight))
    expected = losses if reduction == "none" else getattr(losses, reduction)()
    out = binary_cross_entropy_with_logits(leaf(x, dtype), t, **how)
    assert out.dtype == dtype
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-5 if dtype == F32 else 1e-12)
    if dtype == F64:
        assert gradcheck(
            lambda x, t: binary_cross_entropy_with_logits(x, t, **how), [leaf(x), leaf(t)]
        )


def test_binary_cross_entropy_is_accurate_for_sure_predictions():
    """softplus(x) - x·t cancels: at x = 20 nothing of the loss 2e-9 would be left in float32."""
    x = np.array([-30.0, -15, -5, 0, 5, 15, 30], F32)
    for t in (0.0, 1.0):
        out = binary_cross_entropy_with_logits(tensor(x), np.full(7, t), reduction="none")
        expected = np.logaddexp(0, np.where(t == 1, -x.astype(F64), x))
        np.testing.assert_allclose(out.numpy(), expected, rtol=1e-5)


def test_binary_cross_entropy_at_the_ends():
    x, t = leaf([1000.0, -1000.0, 1000.0, -1000.0, 0.0]), [1.0, 0.0, 0.0, 1.0, 1.0]
    out = binary_cross_entropy_with_logits(x, t, reduction="none")
    np.testing.assert_allclose(out.numpy(), [0, 0, 1000, 1000, np.log(2)])
    np.testing.assert_allclose(grads(out.sum(), x)[0], [0, 0, 1, -1, -0.5], atol=1e-12)


# -- PyTorch


@pytest.mark.peers
@pytest.mark.parametrize("how", OPTIONS, ids=str)
def test_cross_entropy_equals_pytorchs(how: dict[str, Any]):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    x = rng.standard_normal((6, 4))
    t = np.array([0, 1, 2, 3, 1, how["ignore_index"]])
    p = np.abs(rng.standard_normal((6, 4)))
    theirs = dict(how)
    if how["weight"] is not None:
        theirs["weight"] = torch.tensor(how["weight"]).double()
    for target, other in ((t, torch.tensor(t)), (p, torch.tensor(p))):
        ours, peer = leaf(x), torch.tensor(x, requires_grad=True)
        if target is p and how["ignore_index"] != -100:
            continue  # PyTorch refuses an ignored class beside probabilities
        loss = cross_entropy(ours, target, **how)
        other_loss = torch.nn.functional.cross_entropy(peer, other, **theirs)
        np.testing.assert_allclose(loss.numpy(), other_loss.detach().numpy(), rtol=1e-10)
        other_loss.sum().backward()
        np.testing.assert_allclose(grads(loss.sum(), ours)[0], peer.grad.numpy(), atol=1e-12)


@pytest.mark.peers
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("pos_weight", [None, [0.5, 1.0, 2.0]])
def test_binary_cross_entropy_equals_pytorchs(reduction: str, pos_weight: Any):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    x, t = rng.standard_normal((4, 3)) * 5, rng.random((4, 3))
    ours, peer = leaf(x), torch.tensor(x, requires_grad=True)
    loss = binary_cross_entropy_with_logits(ours, t, pos_weight=pos_weight, reduction=reduction)
    other = torch.nn.functional.binary_cross_entropy_with_logits(
        peer, torch.tensor(t), reduction=reduction,
        pos_weight=None if pos_weight is None else torch.tensor(pos_weight).double(),
    )  # fmt: skip
    np.testing.assert_allclose(loss.numpy(), other.detach().numpy(), rtol=1e-10)
    other.sum().backward()
    np.testing.assert_allclose(grads(loss.sum(), ours)[0], peer.grad.numpy(), atol=1e-12)
