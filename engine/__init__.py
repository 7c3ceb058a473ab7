"""Tensors, the tape, primitives and what runs them: the part of backlit that computes gradients."""

from . import operators as operators
from .backward import BackwardStep, backward_steps, gradients
from .births import Birth, find_nan
from .checks import GradientError, gradcheck
from .creation import arange, full, ones, ones_like, tensor, zeros, zeros_like
from .errors import (
    BacklitError,
    ClassIndexError,
    DtypeError,
    GraphError,
    NonFiniteGradientError,
    NonFiniteLossError,
    ReplayError,
    ShapeError,
)
from .kernels.pool import get_num_threads, set_num_threads
from .ops.contract import linear, matmul, pair_sum
from .ops.elementwise import (
    absolute,
    add,
    div,
    exp,
    log,
    maximum,
    minimum,
    mul,
    neg,
    power,
    relu,
    sigmoid,
    sign,
    softplus,
    sqrt,
    square,
    sub,
    tanh,
    where,
)
from .ops.lookup import embedding, one_hot
from .ops.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    log_softmax,
    mse_loss,
    softmax,
)
from .ops.random import (
    Generator,
    bernoulli,
    default_generator,
    dropout,
    manual_seed,
    normal,
    permutation,
    uniform,
)
from .ops.reduce import argmax, mean
from .ops.reduce import max as max
from .ops.reduce import min as min
from .ops.reduce import sum as sum
from .ops.shape import (
    astype,
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    reshape,
    squeeze,
    stack,
    swapaxes,
    transpose,
)
from .ops.update import (
    accumulate_,
    adam_update,
    advance_,
    copy_,
    fill_,
    momentum_update,
    scale_,
    sgd_update,
    zero_,
)
from .primitives import Primitive, apply, primitive, registry
from .programs.replay import Replay, replay
from .tape import enable_grad, is_grad_enabled, no_grad, scope
from .tensors import Tensor
from .tracing import Source, source_of, trace

__all__ = [
    "BacklitError", "BackwardStep", "Birth", "ClassIndexError", "DtypeError", "Generator",
    "GradientError", "GraphError", "NonFiniteGradientError", "NonFiniteLossError", "Primitive",
    "Replay", "ReplayError", "ShapeError", "Source", "Tensor", "absolute", "accumulate_",
    "adam_update", "add", "advance_", "apply", "arange", "argmax", "astype", "backward_steps",
    "bernoulli", "binary_cross_entropy_with_logits", "broadcast_to", "concatenate", "copy_",
    "cross_entropy", "default_generator", "div", "dropout", "embedding", "enable_grad", "exp",
    "expand_dims", "fill_", "find_nan", "flatten", "full", "get_num_threads", "gradcheck",
    "gradients", "is_grad_enabled", "linear", "log", "log_softmax", "manual_seed", "matmul",
    "maximum", "mean", "minimum", "momentum_update", "mse_loss", "mul", "neg", "no_grad", "normal",
    "one_hot", "ones", "ones_like", "pair_sum", "permutation", "power", "primitive", "registry",
    "relu", "replay", "reshape", "scale_", "scope", "set_num_threads", "sgd_update", "sigmoid",
    "sign", "softmax", "softplus", "source_of", "sqrt", "square", "squeeze", "stack", "sub",
    "swapaxes", "tanh", "tensor", "trace", "transpose", "uniform", "where", "zero_", "zeros",
    "zeros_like",
]  # fmt: skip
