"""Numbers of one type as numbers of another: truths, integers and floats to floats; and copies."""

import numpy as np

from .build import F32, F64, I64, U8, Kernel, range_kernel
from .door import door


def _kernel(source: str) -> Kernel:
    # args: out, x. The range counts elements.
    return range_kernel(
        f"convert_{source}",
        f"""
def kernel(args, begin, end):
    out = FLOAT(args[0])
    x = {source}(args[1])
    for i in range(begin, end):
        out[i] = x[i]
    return 0
""",
        letters="o" + {"u8": "X"}.get(source, str(int(source[1:]) // 8)),
    )


_kernels = {F32: _kernel("f32"), F64: _kernel("f64"), I64: _kernel("i64"), U8: _kernel("u8")}


def to_floats(x: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    """A contiguous array as floats of a type, as NumPy converts them; None where NumPy has to."""
    kernel = _kernels.get(x.dtype)
    if kernel is None or dtype not in (F32, F64) or not x.flags.c_contiguous:
        return None
    out = np.empty(x.shape, dtype)
    door(kernel.address(dtype), "aa")(0, x.size, out, x)
    return out


# args: target, source. The range counts bytes.
_copy = Kernel(
    "copy_bytes",
    lambda suffix: (
        """
def kernel(args, begin, end):
    copy_bytes(args[0] + begin, args[1] + begin, end - begin)
    return 0
"""
    ),
)


def copied(target: np.ndarray, source: np.ndarray) -> bool:
    """Copy between contiguous arrays of one shape and type; False, and nothing done, for others."""
    if (
        target.shape != source.shape
        or target.dtype != source.dtype
        or not (target.flags.c_contiguous and source.flags.c_contiguous)
        or np.may_share_memory(target, source)
    ):
        return False
    door(_copy.address(I64), "aa")(0, target.nbytes, target, source)
    return True
