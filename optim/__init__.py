"""Optimizers and gradient clipping over the engine's update kernels.
Names, defaults and numbers are PyTorch's; `clip_grad_norm_` is stricter.
"""

from ..engine import NonFiniteGradientError
from .clipping import clip_grad_norm_, clip_grad_value_
from .groups import Group
from .optimizers import SGD, Adam, AdamW, Optimizer

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Group",
    "NonFiniteGradientError",
    "Optimizer",
    "clip_grad_norm_",
    "clip_grad_value_",
]
