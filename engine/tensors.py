"""Tensor: an array and its place on the tape. Its operators and functions come from the ops'
records (operators.py binds them); here stands what a tensor is.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .errors import DtypeError, GraphError, ShapeError, shapes
from .kernels.abi import MAX_DIMS
from .kernels.build import F32, F64
from .kernels.memory import aligned
from .kernels.pool import start_if_wanted
from .tape import captured, recorder, recorders, state, switched

if TYPE_CHECKING:
    from .primitives import Primitive

FLOATS = (F32, F64)
BOOL = np.dtype(np.bool_)
INT = np.dtype(np.int64)


class Tensor:
    """An n-dimensional array whose history can be remembered for backward.

    Made by `tensor(...)` and by ops. float32 or float64; integers and bools are constants.

    >>> from backlit.engine import tensor
    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = (
        "__weakref__",
        "cell",
        "data",
        "freed",
        "grad",
        "inputs",
        "name",
        "needs",
        "order",
        "params",
        "primitive",
        "scope",
    )

    data: np.ndarray
    """The numbers; ops and optimizers use it. Users read `.numpy()`."""
    needs: bool
    """`requires_grad`, read without a call."""
    grad: Tensor | None
    """What `backward` left here: for leaves that require a gradient."""
    name: str | None
    """What pictures and messages call this tensor; parameters bear their dotted name."""
    cell: list[Any] | None
    """When it was last changed in place (`tape.changed_at`), shared with views; None before any."""

    # The tape: a tensor knows the op that made it and what from, never what is made from it, so
    # that a graph is freed with its last tensor and not by the garbage collector.
    primitive: Primitive | None
    """The op that made this tensor, where it was remembered; None for a leaf, which has none of
    the following."""
    inputs: tuple[Tensor, ...]
    params: dict[str, Any]
    order: int
    """The clock's number at the op."""
    scope: str
    """The path of the module in which the op ran."""
    freed: bool
    """Whether backward went through and let go of what it had needed."""

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False):
        found = None
        if recorders and type(data) is np.ndarray and (writer := recorder()):
            found = writer.array(data, dtype, copy=True)
        self.data = to_array(data, dtype, copy=True) if found is None else found.data
        self.needs = bool(requires_grad)
        self.primitive = self.grad = self.name = self.cell = None
        if requires_grad:
            self.requires_grad_()

    if TYPE_CHECKING:  # functions and operators are bound from the ops' records

        def __getattr__(self, name: str) -> Any: ...
        def backward(
            self,
            gradient: Tensor | None = None,
            retain_graph: bool = False,
            create_graph: bool = False,
        ) -> None: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __getitem__(self, index: Any) -> Tensor: ...

    # -- what it is

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def requires_grad(self) -> bool:
        return self.needs

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    @property
    def is_leaf(self) -> bool:
        """Whether no remembered op made this tensor."""
        return self.primitive is None

    def requires_grad_(self, flag: bool = True) -> Tensor:
        """Ask for a gradient of this leaf, or no longer; returns the tensor."""
        if flag and self.data.dtype not in FLOATS:
            raise DtypeError(
                f"only float tensors can require a gradient, this one is {self.dtype}; "
                "write tensor(x, dtype='float32') if its numbers are quantities"
            )
        if not flag and self.primitive is not None:
            raise GraphError(
                f"this tensor was made by {self.primitive.name}: its gradient flows on to "
                "what it was made from. Use .detach() for its value without its history"
            )
        if self.needs is not bool(flag):
            writer = recorder() if recorders else None
            counts = type(self) is not Tensor or id(self) in captured
            if counts and (writer is None or not writer.knows(self)):
                switched(self, self.needs, bool(flag))
        self.needs = bool(flag)
        return self

    # -- out of the tape

    def numpy(self) -> np.ndarray:
        """The numbers as a NumPy array: a live view that cannot be written to."""
        self.read_by("numpy()")
        return np.asarray(memoryview(cast(Any, self.data)).toreadonly())

    def item(self) -> Any:
        """The one number in this tensor as a Python number."""
        self.read_by("item()")
        if self.data.size != 1:
            raise ShapeError(f"item() needs one element, this tensor has shape {self.shape}")
        return self.data.item()

    def tolist(self) -> Any:
        self.read_by("tolist()")
        return self.data.tolist()

    def read_by(self, how: str) -> None:
        """Python reads these numbers; an error where a program would not read them again."""
        start_if_wanted()
        if recorders and (writer := recorder()):
            writer.refuse(self, how)

    def detach(self) -> Tensor:
        """The same numbers (shared, not copied) without the history."""
        if self.cell is None:
            self.cell = [0]
        return wrap(self.data, self.cell)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.needs:
            raise GraphError(
                "NumPy would lose the gradient of this tensor; write t.detach() if that is meant, "
                "or use backlit's functions (bl.exp, ...), which keep it"
            )
        view = self.numpy()
        if dtype is not None and np.dtype(dtype) != view.dtype:
            return view.astype(dtype)
        return view.copy() if copy else view

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("a tensor of shape () has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        for i in range(len(self)):
            yield self[i]

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ShapeError(
                f"a tensor of shape {self.shape} is neither true nor false; "
                "use .all() or .any() on .numpy(), or compare one element"
            )
        self.read_by("if, or bool(),")
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        text = np.array2string(self.data, separator=", ", prefix="tensor(", threshold=1000)
        notes = []
        if self.data.dtype not in (F32, INT, BOOL):
            notes.append(f"dtype={self.dtype}")
        if self.primitive is not None:
            notes.append(f"from {self.primitive.name}")
        elif self.needs:
            notes.append("requires_grad=True")
        return f"tensor({', '.join([text, *notes])})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..study.notebook import bundle  # which stands above; loaded by notebooks only

        return bundle(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.primitive is not None:
            raise GraphError("only leaves can be copied with their flags; use .detach() first")
        self.read_by("copy.deepcopy()")
        twin = type(self).__new__(type(self))
        twin.data = self.data.copy()
        twin.needs, twin.name = self.needs, self.name
        twin.primitive = twin.grad = twin.cell = None
        if self.grad is not None:
            twin.grad = wrap(self.grad.data.copy())
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> Any:
        raise TypeError(
            "tensors are not pickled: save them with bl.save(path, {'name': t}), "
            "or pickle t.detach().numpy()"
        )

    # -- in place

    def check_in_place(self, name: str) -> None:
        """Raise unless this tensor may be changed in place now."""
        if self.primitive is not None:
            raise GraphError(
                f"{name} would change the result of {self.primitive.name}, which backward "
                "may need; write a new tensor instead (y = y + x)"
            )
        if self.needs and state.grad:
            raise GraphError(
                f"{name} on a leaf that requires a gradient: backward could not follow it. "
                "If this is an update by hand, put it under `with no_grad():`"
            )
        if not self.data.flags.writeable:
            raise GraphError(
                f"{name}: this tensor's memory cannot be written (it was broadcast, or came from a "
                "file); change what it was made from, or a copy"
            )


new = object.__new__


def wrap(data: np.ndarray, cell: list[Any] | None = None) -> Tensor:
    """A leaf around an array, which it does not copy."""
    out = new(Tensor)
    out.data = data
    out.needs = False
    out.primitive = out.grad = out.name = None
    out.cell = cell
    return out


def as_tensor(x: Any) -> Tensor:
    """A tensor as it is; anything else as a new one."""
    return x if isinstance(x, Tensor) else Tensor(x)


def to_array(data: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """An array that a tensor can hold: float32 for float data unless `dtype` says otherwise,
    int64 for integers, bool for truths; in the machine's byte order.
    """
    if isinstance(data, Tensor):
        data.read_by("a copy by tensor()")
        data = data.data
    try:
        array = np.asarray(data)
    except ValueError as problem:
        raise ShapeError(f"this is not a rectangular array of numbers: {problem}") from None
    kind = array.dtype.kind
    if dtype is not None:
        wanted = np.dtype(dtype)
        if wanted.kind == "f" and wanted not in FLOATS:
            raise DtypeError(f"tensors are float32 or float64, not {wanted}")
    elif kind == "f":
        wanted = F32
    elif kind in "iu":
        wanted = array.dtype
    else:
        wanted = BOOL
    if kind not in "fiub" or wanted.kind not in "fiub":
        raise DtypeError(
            f"a tensor holds floats, integers or bools, not {array.dtype}"
            + (" (a ragged or mixed list?)" if kind == "O" else "")
        )
    if array.ndim > MAX_DIMS:
        raise ShapeError(f"a tensor has at most {MAX_DIMS} dimensions, this array has {array.ndim}")
    wanted = np.dtype(wanted.type)  # in the machine's byte order, and NumPy's one object for it
    if array.dtype is wanted and not copy and _is_regular(array):
        return array
    out = aligned(array.shape, wanted)
    with np.errstate(over="ignore", invalid="ignore"):
        np.copyto(out, array, casting="unsafe")
    return out


def _is_regular(array: np.ndarray) -> bool:
    """Whether elements lie whole steps of an item apart, on their natural borders."""
    item = array.itemsize
    return array.flags.aligned and all(step % item == 0 for step in array.strides)


def constant(value: Any, like: Tensor) -> Tensor:
    """An operand that is no tensor: Python numbers and arrays take the tensor's float type."""
    if isinstance(value, Tensor):
        return value
    dtype = like.data.dtype
    kind = type(value)
    if kind is float or kind is int:
        if dtype.kind == "f" and -1e38 < value < 1e38:
            return wrap(np.array(value, dtype))
        if kind is int and not -(1 << 63) <= value < 1 << 63:
            value = _float(value)
    elif recorders and (writer := recorder()):
        found = writer.operand(value, like)
        if found is not None:
            return found
    array = np.asarray(value)
    scalar = array.ndim == 0 and array.dtype.kind in "iu"
    if dtype.kind == "f" and (scalar or array.dtype.kind == "f"):
        return wrap(to_array(array, dtype, copy=True))
    return wrap(to_array(array, copy=True))


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def match_floats(name: str, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Integers and bools beside floats become floats; float32 beside float64 is an error."""
    floats = {a.dtype for a in arrays if a.dtype.kind == "f"}
    if len(floats) > 1:
        raise DtypeError(
            f"{name} got {shapes(*arrays)}: backlit does not mix float32 and float64 by itself. "
            "Write x.astype('float32'), or make both with the same dtype"
        )
    if not floats:
        return arrays
    wanted = floats.pop()
    return [a if a.dtype == wanted else a.astype(wanted) for a in arrays]
