"""Arrays that end where the process may read no further: a kernel that reads or writes one element
too many dies here, in a process that test_kernels starts for that.
"""

import ctypes
import mmap
import sys
from typing import Any

import numpy as np

from backlit.engine import cross_entropy, gradients, linear, log_softmax, pair_sum, where
from backlit.engine.kernels import products
from backlit.engine.tensors import wrap

PAGE = mmap.PAGESIZE
NONE = 0
libc: Any = ctypes.CDLL(None, use_errno=True)
alive: list[Any] = []


def guarded(x: np.ndarray, front: bool = False) -> np.ndarray:
    """A copy of `x` whose last byte lies before a forbidden page (or its first behind one)."""
    pages = -(-max(x.nbytes, 1) // PAGE)
    memory = mmap.mmap(-1, (pages + 1) * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    forbidden = start if front else start + pages * PAGE
    if libc.mprotect(ctypes.c_void_p(forbidden), PAGE, NONE):
        sys.exit("mprotect failed")
    offset = PAGE if front else pages * PAGE - x.nbytes
    out = np.frombuffer(memory, x.dtype, x.size, offset).reshape(x.shape)
    out[...] = x
    alive.append(memory)
    return out


def main() -> None:
    rng = np.random.default_rng(0)
    sizes = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33]
    for dtype in (np.float32, np.float64):
        for front in (False, True):

            def array(*shape: int, dtype: Any = dtype, front: bool = front) -> np.ndarray:
                return guarded(rng.standard_normal(shape).astype(dtype), front)

            for _ in range(60):
                m, k, n = (int(v) for v in rng.choice(sizes, 3))
                a, b, w, c = array(m, k), array(k, n), array(n, k), array(n)
                for left, right, flip in ((a, b, 0), (a, w, 2), (array(k, m), b, 1)):
                    for bias in (None, c):
                        assert products.product(array(m, n), left, right, bias, flip)
                x = wrap(array(m, n)).requires_grad_()
                y = (x + wrap(array(1, n))) * wrap(array(m, 1)).exp() - wrap(array(n, m)).T
                y = where(x > 0, y, x) + log_softmax(x) + log_softmax(x, 0)
                total = y.sum(0).sum() + y.sum(1).max() + y.mean()
                labels = guarded(rng.integers(0, n, m), front)
                loss = cross_entropy(x, wrap(labels)) + total
                gradients(loss, x)
                linear(x, wrap(array(k, n)), wrap(array(k)))
                pair_sum(x, wrap(array(m, k)))
            for n in (1023, 1024, 1025, 3000):
                x = wrap(array(3, n)).requires_grad_()
                labels = guarded(rng.integers(0, n, 3), front)
                loss = cross_entropy(x, wrap(labels)) + (x.T * wrap(array(n, 1))).tanh().sum()
                gradients(loss + wrap(array(700, 40)).sum(0).sum(), x)
    print("within bounds")


if __name__ == "__main__":
    main()
