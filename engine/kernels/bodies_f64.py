"""What the bodies of float64 kernels may call: the names are the same for every float type, so that
one body serves all of them.
"""

from numba import float64 as F

from . import elementary

exp = elementary.exp_f64
expm1 = elementary.expm1_f64
log = elementary.log_f64
log1p = elementary.log1p_f64
sigmoid = elementary.sigmoid_f64
tanh = elementary.tanh_f64

__all__ = ["F", "exp", "expm1", "log", "log1p", "sigmoid", "tanh"]
