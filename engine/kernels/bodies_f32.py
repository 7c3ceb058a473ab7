"""What the bodies of float32 kernels may call: the names are the same for every float type, so that
one body serves all of them.
"""

from numba import float32 as F

from . import elementary

exp = elementary.exp_f32
expm1 = elementary.expm1_f32
log = elementary.log_f32
log1p = elementary.log1p_f32
sigmoid = elementary.sigmoid_f32
tanh = elementary.tanh_f32

__all__ = ["F", "exp", "expm1", "log", "log1p", "sigmoid", "tanh"]
