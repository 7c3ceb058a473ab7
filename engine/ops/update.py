"""Updates in place: what optimizers and accumulation do. No gradient flows through them; a graph
that still needs the old numbers notices by the tape's clock.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError, shapes, where
from ..kernels import update as kernels
from ..kernels.build import F64, Kernel
from ..kernels.update import InPlace
from ..primitives import Primitive, apply_in_place, primitive
from ..tensors import FLOATS, Tensor, constant, to_array, wrap


def _update(name: str, kernel: Kernel, operands: int, doc: str, formula: str) -> Primitive:
    """A primitive that changes `operands` tensors in place; one more holds hyperparameters."""
    run = InPlace(kernel, operands).run

    def forward(*tensors: Tensor) -> np.ndarray:
        arrays = [t.data for t in tensors]
        target = arrays[0]
        if target.dtype not in FLOATS:
            raise DtypeError(f"{name}: parameters are floats, this one is {target.dtype}")
        if run(*arrays):
            return target
        for array in arrays[1:-1]:
            if array.shape != target.shape or array.dtype != target.dtype:
                raise ShapeError(
                    f"{name}: {shapes(*arrays[:-1])}{where()}: a parameter, its gradient and its "
                    "state must have one shape and type"
                )
        # Alike but for their layout: on copies, which are then written back.
        copies = [np.array(a, target.dtype, order="C") for a in arrays[:-1]]
        run(*copies, arrays[-1])
        for array, copy in zip(arrays, copies, strict=False):
            if array.flags.writeable:
                array[...] = copy
        return target

    return primitive(name, forward, in_place=True, doc=doc, formula=formula)


_sgd = _update("sgd_update", kernels.sgd, 2, "A step of gradient descent.", "x - lr · g")
_sgd_momentum = _update(
    "sgd_momentum_update", kernels.sgd_momentum, 3,
    "A step of gradient descent with momentum.", "x - lr · v, v = momentum · v + g",
)  # fmt: skip
_adam = _update("adam_update", kernels.adam, 4, "A step of Adam.", "x - lr · m̂ / (√v̂ + eps)")
_scale = _update("scale", kernels.scale, 1, "A multiplication in place.", "x · factor")


def sgd_update(param: Tensor, grad: Tensor, buffer: Tensor | None, hyper: Tensor) -> None:
    """One step of SGD; `hyper` is float64 [lr, momentum, dampening, weight_decay, nesterov,
    maximize, step], step counting from 1. `buffer` holds the momentum, or is None without.
    """
    if buffer is None:
        apply_in_place(_sgd, param, grad, hyper)
    else:
        apply_in_place(_sgd_momentum, param, grad, buffer, hyper)
        buffer.touch()


def adam_update(
    param: Tensor, grad: Tensor, exp_avg: Tensor, exp_avg_sq: Tensor, hyper: Tensor
) -> None:
    """One step of Adam; `hyper` is float64 [lr, beta1, beta2, eps, weight_decay, decoupled,
    maximize, step], step counting from 1. Numbers as PyTorch's Adam, and AdamW where decoupled.
    """
    apply_in_place(_adam, param, grad, exp_avg, exp_avg_sq, hyper)
    exp_avg.touch()
    exp_avg_sq.touch()


def scale_(x: Tensor, factor: float | Tensor) -> Tensor:
    """Multiply `x` in place by one number; returns it."""
    number = factor.item() if isinstance(factor, Tensor) else factor
    return apply_in_place(_scale, x, wrap(np.array([number], F64)))


_add_in_place = InPlace(kernels.accumulate, 2)


def _accumulate(x: Tensor, y: Tensor) -> np.ndarray:
    target, addend = x.data, y.data
    if target.shape != addend.shape or target.dtype != addend.dtype:
        raise ShapeError(f"accumulate: {shapes(target, addend)}{where()} must be alike")
    if (
        target.dtype not in FLOATS
        or np.may_share_memory(target, addend)
        or not _add_in_place.run(target, addend)
    ):
        np.add(target, addend, out=target)
    return target


_accumulate_record = primitive(
    "accumulate", _accumulate, in_place=True, doc="An addition in place.", formula="x + y",
    symbol="+=",
)  # fmt: skip


def accumulate_(x: Tensor, y: Tensor) -> Tensor:
    """Add `y`, of the same shape, to `x` in place; returns x."""
    return apply_in_place(_accumulate_record, x, y)


def _copy(x: Tensor, y: Tensor) -> np.ndarray:
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
    return apply_in_place(_copy_record, x, source)


def fill_(x: Tensor, value: float) -> Tensor:
    """Set all elements of `x` in place; returns x."""
    return copy_(x, constant(value, x))


def zero_(x: Tensor) -> Tensor:
    """Set all elements of `x` to 0 in place; returns x."""
    return fill_(x, 0)
