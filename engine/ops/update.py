"""Updates in place: what optimizers and accumulation do. No gradient flows through them; a graph
that still needs the old numbers notices by the tape's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DtypeError, NonFiniteGradientError, ShapeError, shapes, where
from ..kernels import update as kernels
from ..kernels.build import F64, Kernel
from ..kernels.convert import copied
from ..kernels.door import door, on_host
from ..kernels.update import InPlace
from ..primitives import Primitive, apply, apply_in_place, primitive
from ..tape import recorders
from ..tensors import FLOATS, Tensor, constant, to_array, wrap


def _update(
    name: str, kernel: Kernel, width: int, numbers: int, doc: str, formula: str, *, counts: bool
) -> Primitive:
    """A primitive of rows of `width` tensors, changed in place. Last come the number of the step,
    if the update counts, and the hyperparameters, as many as `numbers`.
    """
    shared = 1 + counts
    run = InPlace(kernel, width, shared).run

    def forward(*tensors: Tensor) -> np.ndarray:
        arrays = tuple([t.data for t in tensors])
        if arrays[0].dtype not in FLOATS:
            raise DtypeError(f"{name}: parameters are floats, this one is {arrays[0].dtype}")
        hyper, step = arrays[-1], arrays[-shared]
        if (
            (len(arrays) - shared) % width
            or hyper.dtype != F64
            or hyper.shape != (numbers,)
            or (counts and (step.dtype != F64 or step.ndim))
        ):
            raise ShapeError(
                f"{name}: rows of {width} tensors"
                + (", then the number of the step in float64" if counts else "")
                + f", then {numbers} hyperparameters in float64; got {shapes(*arrays)}"
            )
        if run(arrays):
            on_host()
            end = len(arrays) - shared
            rows = [arrays[k : k + width] for k in range(0, end, width)]
            for k, row in enumerate(rows):
                tensors[k * width].check_in_place(name)
                _check_row(name, row)
            for row in rows:
                _one_by_one(run, row, arrays[end:])
        return arrays[0]

    return primitive(name, forward, in_place=True, doc=doc, formula=formula)


def _check_row(name: str, row: tuple[np.ndarray, ...]) -> None:
    for array in row:
        if array.shape != row[0].shape or array.dtype != row[0].dtype or array.dtype not in FLOATS:
            raise ShapeError(
                f"{name}: {shapes(*row)}{where()}: a parameter, its gradient and its state must "
                "have one shape and one float type"
            )


def _one_by_one(run: Any, row: tuple[np.ndarray, ...], shared: tuple[np.ndarray, ...]) -> None:
    """One row, whose arrays may differ in layout: on copies; all but the gradient go back."""
    copies = tuple([np.array(a, np.dtype(a.dtype.type), order="C") for a in row])
    run((*copies, *shared))
    for k, (array, copy) in enumerate(zip(row, copies, strict=True)):
        if k != 1:
            array[...] = copy


_sgd = _update(
    "sgd_update", kernels.sgd, 2, 6, "A step of gradient descent.", "x - lr · g",
    counts=False,
)  # fmt: skip
_momentum = _update(
    "momentum_update", kernels.sgd_momentum, 3, 6,
    "A step of gradient descent with momentum.", "x - lr · v, v = momentum · v + g", counts=True,
)  # fmt: skip
_adam = _update(
    "adam_update", kernels.adam, 4, 7, "A step of Adam.", "x - lr · m̂ / (√v̂ + eps)", counts=True,
)  # fmt: skip
_scale = _update(
    "scale", kernels.scale, 1, 1, "A multiplication in place.", "x · factor", counts=False,
)  # fmt: skip


_clip = _update(
    "clip", kernels.clip, 1, 1, "Gradients are scaled to a common norm, if theirs is larger.",
    "g · min(1, largest / (norm + 1e-6))", counts=True,
)  # fmt: skip


def _norm(*tensors: Tensor, labels: tuple[str, ...], check: bool) -> np.ndarray:
    sums = np.empty(len(tensors), F64)
    out = np.empty((), F64)
    for k, x in enumerate(tensors):
        data = x.data
        if not data.flags.c_contiguous:
            on_host()
            data = np.ascontiguousarray(data)
        door(kernels.squares.address(data.dtype), "aai")(0, 1, sums[k : k + 1], data, data.size)
    if door(kernels.root.address(F64), "aaii")(0, 1, out, sums, len(tensors), int(check)):
        refuse_nonfinite(tensors, labels)
    return out


def refuse_nonfinite(gradients: Sequence[Tensor], labels: Sequence[str]) -> None:
    """Raise NonFiniteGradientError for the first NaN or infinity, if there is one."""
    for label, x in zip(labels, gradients, strict=True):
        bad = ~np.isfinite(x.data)
        if bad.any():
            place = tuple(int(axis) for axis in np.argwhere(bad)[0])
            raise NonFiniteGradientError(
                f"the gradient of {label} holds {x.data[place]} at {place}; look for the first "
                "value that is not finite in the forward pass, or lower the learning rate"
            )


_norm_record = primitive(
    "norm", _norm, formula="√Σ x²", doc="The Euclidean norm of all numbers of all tensors.",
    samples=lambda rng: [
        rng.standard_normal((3, 4)), rng.standard_normal(50),
        {"labels": ("a", "b"), "check": True},
    ],
    numpy=lambda *xs, labels, check: np.sqrt(sum((x.astype(F64) ** 2).sum() for x in xs)),
)  # fmt: skip


def norm_of(tensors: Sequence[Tensor], labels: tuple[str, ...], check: bool) -> Tensor:
    """The Euclidean norm of the numbers of all tensors together, in float64; with `check` it is an
    error, naming the tensor by its label, if it is not finite.
    """
    return apply(_norm_record, *tensors, labels=labels, check=check)


def clip_to_(gradients: Sequence[Tensor], norm: Tensor, largest: float) -> None:
    """Scale gradients whose common norm is `norm` so that it is at most `largest`."""
    operands = (*gradients, norm, _row(largest))
    apply_in_place(_clip, operands, tuple(gradients))


def sgd_update(*operands: Tensor) -> None:
    """One step of SGD: sgd_update(param, grad, ..., hyper), any number of parameters.

    `hyper` is float64 [lr, momentum, dampening, weight_decay, nesterov, maximize]. All of one float
    type; each parameter and its gradient have one shape.
    """
    apply_in_place(_sgd, operands, operands[:-1:2])


def momentum_update(*operands: Tensor) -> None:
    """One step of SGD with momentum: momentum_update(param, grad, buffer, ..., step, hyper), any
    number of parameters; `hyper` as for `sgd_update`, `step` is the number of the step, float64,
    from 1. In step 1 the buffer becomes the gradient.
    """
    apply_in_place(_momentum, operands, operands[:-2:3] + operands[2:-2:3])


def adam_update(*operands: Tensor) -> None:
    """One step of Adam: adam_update(param, grad, exp_avg, exp_avg_sq, ..., step, hyper), any number
    of parameters.

    `step` is the number of the step, float64, from 1; `hyper` is float64 [lr, beta1, beta2, eps,
    weight_decay, decoupled, maximize]. Numbers as PyTorch's Adam, and AdamW where decoupled.
    """
    apply_in_place(_adam, operands, operands[:-2:4] + operands[2:-2:4] + operands[3:-2:4])


def _advance(x: Tensor) -> np.ndarray:
    array = x.data
    door(kernels.advance.address(array.dtype), "a")(0, array.size, array)
    return array


_advance_record = primitive(
    "advance", _advance, in_place=True, doc="A counter goes up by one.", formula="x + 1",
    symbol="+1",
)  # fmt: skip


def advance_(x: Tensor) -> Tensor:
    """Add 1 to a float64 tensor in place: a counter of steps; returns it."""
    if x.data.dtype != F64 or not x.data.flags.c_contiguous:
        raise DtypeError(f"advance: a counter is a contiguous float64 tensor, not {shapes(x)}")
    apply_in_place(_advance_record, (x,), (x,))
    return x


def scale_(x: Tensor, factor: float | Tensor) -> Tensor:
    """Multiply `x` in place by one number; returns it."""
    number = factor.astype(F64).reshape(1) if isinstance(factor, Tensor) else _row(factor)
    apply_in_place(_scale, (x, number), (x,))
    return x


def _row(number: float) -> Tensor:
    return wrap(np.array([number], F64))


_add_in_place = InPlace(kernels.accumulate, 2)


def _accumulate(x: Tensor, y: Tensor) -> np.ndarray:
    target, addend = x.data, y.data
    if target.dtype.kind != "f" or _add_in_place.run((target, addend)):
        on_host()
        x.check_in_place("accumulate")
        if target.shape != addend.shape or target.dtype != addend.dtype:
            raise ShapeError(f"accumulate: {shapes(target, addend)}{where()} must be alike")
        np.add(target, addend, out=target)
    return target


_accumulate_record = primitive(
    "accumulate", _accumulate, in_place=True, doc="An addition in place.", formula="x + y",
    symbol="+=",
)  # fmt: skip


def accumulate_(x: Tensor, y: Tensor) -> Tensor:
    """Add `y`, of the same shape, to `x` in place; returns x."""
    apply_in_place(_accumulate_record, (x, y), (x,))
    return x


def add_to(x: Tensor, y: Tensor) -> None:
    """Add `y` to a sum in the making, which nobody else has seen."""
    if recorders:
        apply_in_place(_accumulate_record, (x, y), ())
    else:  # what the door does where nobody listens and nothing is checked
        _accumulate(x, y)


def _copy(x: Tensor, y: Tensor) -> np.ndarray:
    x.check_in_place("copy_")
    if copied(x.data, y.data):
        return x.data
    try:
        np.copyto(x.data, y.data, casting="same_kind")
    except ValueError:
        raise ShapeError(f"copy_: shape {y.shape} does not fit {x.shape}{where()}") from None
    except TypeError:
        raise DtypeError(f"copy_: {y.dtype} numbers into a {x.dtype} tensor{where()}") from None
    return x.data


_copy_record = primitive(
    "copy", _copy, in_place=True, doc="A copy into a tensor's memory.", formula="y", symbol="="
)


def copy_(x: Tensor, source: Any) -> Tensor:
    """Write `source` (which broadcasts to x's shape) into `x` in place; returns x."""
    if not isinstance(source, Tensor):
        source = wrap(to_array(source, x.dtype if x.dtype.kind == "f" else None))
    apply_in_place(_copy_record, (x, source), (x,))
    return x


def fill_(x: Tensor, value: float) -> Tensor:
    """Set all elements of `x` in place; returns x."""
    return copy_(x, constant(value, x))


def zero_(x: Tensor) -> Tensor:
    """Set all elements of `x` to 0 in place; returns x."""
    return fill_(x, 0)
