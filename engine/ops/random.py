"""Random draws. A generator is a key and the number of the next draw; element i of a draw is a
function of (key, draw, i), so nothing but the seed and the order of draws decides the numbers.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..kernels.build import F32
from ..kernels.random import draw, normal_kernel, shuffle, uniform_kernel
from ..primitives import apply, primitive
from ..tape import restructured
from ..tensors import FLOATS, INT, Tensor, to_array, wrap


class Generator:
    """A stream of random draws that is decided by its seed.

    >>> from backlit.engine import Generator, uniform
    >>> g = Generator(0)
    >>> saved = g.state()
    >>> a = uniform((2,), generator=g)
    >>> g.load_state(saved)
    >>> bool((uniform((2,), generator=g) == a).numpy().all())
    True
    """

    __slots__ = ("cell",)

    def __init__(self, seed: int = 0):
        self.cell = wrap(np.array([_mix(seed), 0], np.uint64))

    def __repr__(self) -> str:
        return f"Generator(key={self.cell.data[0]:#x}, draws={self.cell.data[1]})"

    def state(self) -> dict[str, int]:
        """Where the stream stands: plain integers, for JSON."""
        return {"key": int(self.cell.data[0]), "draws": int(self.cell.data[1])}

    def load_state(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        for name in ("key", "draws"):
            if not isinstance(state.get(name), int) or not 0 <= state[name] < 1 << 64:
                raise ValueError(f"not a generator's state: {state!r}")
        self.cell.data[:] = state["key"], state["draws"]


def _mix(seed: int) -> int:
    """A key from a seed, by splitmix64 (Steele, Lea, Flood 2014): near seeds, far keys."""
    mask = (1 << 64) - 1
    z = (int(seed) + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
    return z ^ z >> 31


class _Default(threading.local):
    generator: Generator | None = None


_default = _Default()


def default_generator() -> Generator:
    """This thread's generator, for draws that name none; seeded with 0 until `manual_seed`."""
    if _default.generator is None:
        _default.generator = Generator(0)
    return _default.generator


def manual_seed(seed: int) -> Generator:
    """Seed this thread's default generator; returns it."""
    _default.generator = Generator(seed)
    restructured()
    return _default.generator


def _draw(kernel: Any) -> Any:
    def forward(cell: Tensor, *, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        out = np.empty(shape, dtype)
        draw(kernel, cell.data, out)
        return out

    return forward


_uniform_record = primitive(
    "uniform", _draw(uniform_kernel), symbol="U(0, 1)", formula="uniform in [0, 1)",
    doc="Uniform random numbers.", draws=True,
)  # fmt: skip

_normal_record = primitive(
    "normal", _draw(normal_kernel), symbol="N(0, 1)", formula="standard normal",
    doc="Normal random numbers.", draws=True,
)  # fmt: skip


def _permutation(cell: Tensor, *, n: int) -> np.ndarray:
    out = np.empty(n, INT)
    shuffle(cell.data, out)
    return out


_permutation_record = primitive(
    "permutation", _permutation, formula="a shuffle of 0 … n - 1", draws=True,
    doc="A random permutation, by Fisher and Yates.",
)  # fmt: skip


def _shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(map(int, shape))


def _dtype(dtype: Any) -> np.dtype:
    wanted = F32 if dtype is None else to_array(np.zeros((), dtype), dtype).dtype
    if wanted not in FLOATS:
        raise DtypeError(f"random numbers are float32 or float64, not {wanted}")
    return wanted


def uniform(
    shape: int | Sequence[int] = (), low: float = 0.0, high: float = 1.0, *,
    generator: Generator | None = None, dtype: Any = None,
) -> Tensor:  # fmt: skip
    """Uniform numbers in [low, high)."""
    cell = (generator or default_generator()).cell
    out = apply(_uniform_record, cell, shape=_shape(shape), dtype=_dtype(dtype))
    return out if (low, high) == (0.0, 1.0) else out * (high - low) + low


def normal(
    shape: int | Sequence[int] = (), mean: float = 0.0, std: float = 1.0, *,
    generator: Generator | None = None, dtype: Any = None,
) -> Tensor:  # fmt: skip
    """Normal numbers of a mean and a standard deviation."""
    cell = (generator or default_generator()).cell
    out = apply(_normal_record, cell, shape=_shape(shape), dtype=_dtype(dtype))
    return out if (mean, std) == (0.0, 1.0) else out * std + mean


def bernoulli(
    shape: int | Sequence[int], p: float = 0.5, *, generator: Generator | None = None
) -> Tensor:
    """Truths, each true with probability p."""
    return uniform(shape, generator=generator) < p


def permutation(n: int, *, generator: Generator | None = None) -> Tensor:
    """The integers 0 … n - 1 in random order, int64."""
    if n < 0:
        raise ShapeError(f"permutation: {n} is no number of things")
    return apply(_permutation_record, (generator or default_generator()).cell, n=int(n))


def dropout(
    x: Tensor, p: float = 0.5, training: bool = True, generator: Generator | None = None
) -> Tensor:
    """Zero each element with probability p and scale the rest by 1 / (1 - p), in training only.

    Srivastava et al., JMLR 15 (2014).
    """
    if not 0 <= p <= 1 or math.isnan(p):
        raise ValueError(f"dropout: p lies in [0, 1], not {p}")
    if not training or p == 0:
        return x
    kept = bernoulli(x.shape, 1 - p, generator=generator)
    return x * (kept.astype(x.dtype) * (0.0 if p == 1 else 1 / (1 - p)))
