"""What the engine's tests share: the settings of hypothesis, layouts of arrays in memory, and
subprocesses with a kernel cache of their own.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from backlit.engine import Tensor, gradients, tensor
from backlit.engine.tensors import wrap

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
DTYPES = pytest.mark.parametrize("dtype", [F32, F64], ids=str)


def examples(count: int) -> settings:
    """Settings for `count` examples, the same at every run; a first call may compile."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def leaf(data: Any, dtype: Any = F64) -> Tensor:
    """A leaf that requires a gradient; float64 unless told."""
    return tensor(data, dtype=dtype, requires_grad=True)


def grads(out: Tensor, *inputs: Tensor, **how: Any) -> list[Any]:
    """The gradients as arrays."""
    found = gradients(out, inputs, **how)
    return [None if g is None else g.numpy() for g in found]


LAYOUTS = ("plain", "fortran", "reversed", "strided", "offset", "broadcast")
layouts = st.sampled_from(LAYOUTS)


def laid_out(x: np.ndarray, layout: str) -> np.ndarray:
    """An array that equals `x` and lies in memory in another way; never copied by the engine."""
    if not x.ndim:
        return x
    if layout == "fortran":
        return np.asfortranarray(x)
    if layout == "reversed":
        turn = (slice(None, None, -1),) * x.ndim
        return np.ascontiguousarray(x[turn])[turn]
    if layout == "strided":
        big = np.full([2 * n + 1 for n in x.shape], 7, x.dtype)
        view = big[tuple(slice(1, None, 2) for _ in x.shape)]
        view[...] = x
        return view
    if layout == "offset":  # off every 16-byte border
        big = np.empty(x.size + 1, x.dtype)
        big[1:] = x.reshape(-1)
        return big[1:].reshape(x.shape)
    if layout == "broadcast" and x.shape[0] == 1:
        return np.broadcast_to(x[0], x.shape)
    return x


def held(x: np.ndarray) -> Tensor:
    """A tensor around this very memory, whatever its layout: `tensor` would copy it."""
    return wrap(x)


def python(code: str, cache: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a new interpreter, warnings shown, with `cache` as the folder of kernels."""
    variables = dict(os.environ, **env)
    if cache is not None:
        variables["BACKLIT_CACHE_DIR"] = str(cache)
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        capture_output=True, text=True, env=variables, timeout=300, check=False,
    )  # fmt: skip
