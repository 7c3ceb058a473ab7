"""Binds the ops to Python's operators, to methods of Tensor and to NumPy's ufuncs, in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backward import backward
from .ops import contract, elementwise, index, losses, reduce, shape, update
from .primitives import Primitive, apply
from .tensors import Tensor, constant

METHODS = {
    elementwise: [
        "exp",
        "log",
        "tanh",
        "sigmoid",
        "relu",
        "softplus",
        "sqrt",
        "square",
        "maximum",
        "minimum",
        "sign",
    ],
    reduce: ["sum", "mean", "max", "min", "argmax"],
    shape: [
        "reshape",
        "flatten",
        "expand_dims",
        "squeeze",
        "transpose",
        "swapaxes",
        "broadcast_to",
        "astype",
    ],
    losses: ["softmax", "log_softmax"],
    contract: ["matmul"],
    update: ["copy_", "fill_", "zero_"],
}

OPERATORS = {
    "add": elementwise.add,
    "sub": elementwise.sub,
    "mul": elementwise.mul,
    "truediv": elementwise.div,
    "pow": elementwise.power,
    "matmul": contract.matmul,
    "and": elementwise.logical_and,
    "or": elementwise.logical_or,
}

COMPARISONS = {
    "lt": elementwise.less,
    "le": elementwise.less_equal,
    "gt": elementwise.greater,
    "ge": elementwise.greater_equal,
    "eq": elementwise.equal,
    "ne": elementwise.not_equal,
}

UNARY = {"neg": elementwise.neg, "abs": elementwise.absolute, "invert": elementwise.logical_not}

NUMBERS = (Tensor, int, float, bool, np.ndarray, np.generic, list, tuple)


def _operator(function: Any) -> Any:
    record: Primitive = function.record

    def method(self: Tensor, other: Any) -> Any:
        if isinstance(other, Tensor):
            return apply(record, self, other)
        if not isinstance(other, NUMBERS):
            return NotImplemented
        return function(self, constant(other, self))

    return method


def _reflected(function: Any) -> Any:
    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, NUMBERS):
            return NotImplemented
        return function(constant(other, self), self)

    return method


def _in_place(sign: str) -> Any:
    """x += y and x -= y, on leaves under no_grad: a step by hand."""

    def method(self: Tensor, other: Any) -> Tensor:
        self.check_in_place(f"{sign}=")
        value = getattr(self.detach(), {"+": "__add__", "-": "__sub__", "*": "__mul__",
                                        "/": "__truediv__"}[sign])(other)  # fmt: skip
        return update.copy_(self, value)

    return method


def bind() -> None:
    """Give Tensor its methods and operators."""
    for module, names in METHODS.items():
        for name in names:
            setattr(Tensor, name, getattr(module, name))
    Tensor.abs = elementwise.absolute  # type: ignore[attr-defined]
    for name, function in OPERATORS.items():
        setattr(Tensor, f"__{name}__", _operator(function))
        setattr(Tensor, f"__r{name}__", _reflected(function))
    for name, function in COMPARISONS.items():
        setattr(Tensor, f"__{name}__", _operator(function))
    for name, function in UNARY.items():
        setattr(Tensor, f"__{name}__", function)
    for name, sign in (("iadd", "+"), ("isub", "-"), ("imul", "*"), ("itruediv", "/")):
        setattr(Tensor, f"__{name}__", _in_place(sign))
    Tensor.backward = backward  # type: ignore[method-assign]
    Tensor.__getitem__ = index.getitem  # type: ignore[method-assign]
    Tensor.T = property(lambda x: shape.transpose(x))  # type: ignore[attr-defined]
    Tensor.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
    Tensor.__array_function__ = _array_function  # type: ignore[attr-defined]


UFUNCS: dict[Any, Any] = {
    function.record.numpy: function
    for function in vars(elementwise).values()
    if isinstance(getattr(function, "record", None), Primitive)
    and isinstance(function.record.numpy, np.ufunc)
}
UFUNCS[np.matmul] = contract.matmul


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **how: Any) -> Any:
    """NumPy's functions applied to tensors: np.exp(t) and np.ones(3) * t stay in the graph."""
    if any(isinstance(x, Tensor) for x in how.get("out", ())):
        raise TypeError(f"np.{ufunc.__name__} cannot write into a tensor; use t.copy_(...)")
    function = UFUNCS.get(ufunc)
    if function is None or method != "__call__" or how:
        if any(isinstance(x, Tensor) and x.needs for x in inputs):
            raise TypeError(
                f"np.{ufunc.__name__} has no gradient in backlit"
                + (f" with {', '.join(how)}" if how else "")
                + "; use backlit's functions, or t.detach() if no gradient is meant to flow"
            )
        plain = [x.numpy() if isinstance(x, Tensor) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **how)
    like = next(x for x in inputs if isinstance(x, Tensor))
    return function(*[constant(x, like) for x in inputs])


FUNCTIONS: dict[Any, Any] = {
    np.sum: reduce.sum,
    np.mean: reduce.mean,
    np.max: reduce.max,
    np.min: reduce.min,
    np.argmax: reduce.argmax,
    np.reshape: shape.reshape,
    np.transpose: shape.transpose,
    np.squeeze: shape.squeeze,
    np.expand_dims: shape.expand_dims,
    np.swapaxes: shape.swapaxes,
    np.broadcast_to: shape.broadcast_to,
    np.concatenate: shape.concatenate,
    np.stack: shape.stack,
    np.where: elementwise.where,
}


def _array_function(self: Tensor, function: Any, types: Any, args: Any, how: Any) -> Any:
    """NumPy's other functions applied to tensors: np.sum(t), np.concatenate([t, u])."""
    mine = FUNCTIONS.get(function)
    if mine is not None and not how.keys() - {"axis", "keepdims"}:
        return mine(*args, **how)

    def plain(value: Any) -> Any:
        if isinstance(value, Tensor):
            if value.needs:
                raise TypeError(
                    f"np.{function.__name__} has no gradient in backlit"
                    + (f" with {', '.join(how)}" if how else "")
                    + "; use backlit's functions, or t.detach() if no gradient is meant to flow"
                )
            return value.numpy()
        if isinstance(value, (list, tuple)):
            return type(value)(plain(item) for item in value)
        return value

    return function(*plain(args), **{name: plain(value) for name, value in how.items()})


bind()
