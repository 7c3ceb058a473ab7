"""Runs elementwise kernels over tensors: allocates the result, sees to broadcasting and to types,
and goes through the door. What has no native kernel (integers) is computed by NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import pool
from .build import F32, F64, I64, U8, Kernel, elementwise_kernel, modes
from .door import door, on_host
from .walk import walk

empty = np.empty


class Elementwise:
    """One elementwise op: `run(x, ...)` takes tensors and returns a fresh array.

    `kinds` is that of the kernel ("xy->o"); `host` is the NumPy function of the same meaning.
    """

    __slots__ = (
        "count",
        "enter32",
        "enter64",
        "host",
        "kernel",
        "kinds",
        "name",
        "promote",
        "result",
        "run",
    )

    def __init__(
        self,
        name: str,
        body: str,
        kinds: str,
        host: Callable[..., Any],
        promote: Callable[[str, list[np.ndarray]], list[np.ndarray]],
    ):
        self.name = name
        self.kernel: Kernel = elementwise_kernel(name, body, kinds)
        self.kinds = kinds
        self.host = host
        self.promote = promote
        self.count = len(kinds) - 3
        self.result = U8 if kinds[-1].isupper() else None
        self.enter32: Any = None
        self.enter64: Any = None
        mixed = any(letter.isupper() for letter in kinds[:-3])
        self.run = (
            self.run_any if mixed or self.count > 2 else (self.run1, self.run2)[self.count - 1]
        )

    def prepare(self, dtype: np.dtype) -> Any:
        """Compile or load what runs this op for a float type: `enter(0, operands, out, x, ...)`."""
        item = dtype.itemsize
        letters = self.kinds[-1] + self.kinds[:-3]
        sizes = sum((1 if c.isupper() else item) << 4 * k for k, c in enumerate(letters))
        sizes |= sum(1 << 32 + mode for mode in modes(self.kinds))
        address = self.kernel.address(dtype)
        enter = door(walk.address(I64), "o" * (1 + self.count), address, sizes, pool.ADDRESS)
        if dtype is F32:
            self.enter32 = enter
        elif dtype is F64:
            self.enter64 = enter
        return enter

    def run1(self, operand: Any) -> np.ndarray:
        x = operand.data
        if x.dtype is F32:
            out = empty(x.shape, self.result or F32)
            (self.enter32 or self.prepare(F32))(0, 2, out, x)
            return out
        return self.run_any(operand)

    def run2(self, left: Any, right: Any) -> np.ndarray:
        x, y = left.data, right.data
        if x.dtype is F32 and y.dtype is F32:
            shape = x.shape
            if shape != y.shape:
                shape = self.broadcast(x, y)
            out = empty(shape, self.result or F32)
            (self.enter32 or self.prepare(F32))(0, 3, out, x, y)
            return out
        return self.run_any(left, right)

    def run_any(self, *given: Any) -> np.ndarray:
        """The general way: any number of operands of any types."""
        arrays = [operand.data for operand in given]
        floats = [k for k, letter in enumerate(self.kinds[:-3]) if letter.islower()]
        matched = self.promote(self.name, [arrays[k] for k in floats])
        operands = [a if a.dtype == U8 else np.asarray(a != 0) for a in arrays]
        for k, array in zip(floats, matched, strict=True):
            operands[k] = array
        if any(a is not b for a, b in zip(arrays, operands, strict=True)):
            on_host()
        shape = self.broadcast(*operands)
        dtype = matched[0].dtype if matched else F32
        if dtype == F32:
            dtype = F32
        elif dtype == F64:
            dtype = F64
        elif dtype == I64 and self.result is U8 and all(a.dtype == I64 for a in matched):
            dtype = I64  # a comparison
        else:
            return self.on_integers(operands)
        out = empty(shape, self.result or dtype)
        self.enter_for(dtype)(0, 1 + self.count, out, *operands)
        return out

    def enter_for(self, dtype: np.dtype) -> Any:
        """`prepare`, once for each type."""
        if dtype is F32:
            return self.enter32 or self.prepare(dtype)
        if dtype is F64:
            return self.enter64 or self.prepare(dtype)
        return self.prepare(dtype)

    def on_integers(self, operands: list[np.ndarray]) -> np.ndarray:
        """Integers and truths are constants: NumPy computes them."""
        from ..errors import DtypeError, shapes, where

        try:
            with np.errstate(all="ignore"):
                out = np.asarray(self.host(*operands))
        except (TypeError, ValueError) as problem:
            raise DtypeError(
                f"{self.name}: {shapes(*operands)}{where()}: {problem} "
                "(x.astype('float32') makes numbers of it)"
            ) from None
        return out.astype(F32) if out.dtype.kind == "f" else out

    def broadcast(self, *arrays: np.ndarray) -> tuple[int, ...]:
        """The common shape, or an error that names the op and the shapes."""
        try:
            return np.broadcast_shapes(*[a.shape for a in arrays])
        except ValueError:
            raise self.misfit(arrays) from None

    def misfit(self, arrays: tuple[np.ndarray, ...]) -> Exception:
        from ..errors import ShapeError, shapes, where

        return ShapeError(
            f"{self.name}: {shapes(*arrays)} do not broadcast{where()}. Sizes are compared from "
            "the right and must be equal or 1; reshape one of them, or give it a new axis with "
            "x.reshape(...)"
        )
