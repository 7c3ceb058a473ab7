"""What a weight is before training, exported as `nn.init` with PyTorch's names.
Each function fills a tensor in place with draws of the engine's generator and returns it.
"""

from __future__ import annotations

import math

from ..engine import Generator, Tensor, no_grad, normal, uniform

__all__ = [
    "calculate_gain",
    "constant_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws from [a, b).

    >>> from backlit import nn
    >>> from backlit.engine import zeros
    >>> weight = nn.init.uniform_(zeros((2, 3)), -0.1, 0.1)
    >>> abs(weight.numpy()).max() <= 0.1
    np.True_
    """
    with no_grad():
        return tensor.copy_(uniform(tensor.shape, a, b, generator=generator, dtype=tensor.dtype))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws of a normal distribution."""
    if not std >= 0:
        raise ValueError(f"std must be at least 0, got {std}")
    with no_grad():
        return tensor.copy_(
            normal(tensor.shape, mean, std, generator=generator, dtype=tensor.dtype)
        )


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much an activation shrinks the standard deviation: the factor that undoes it.

    ``param`` is the slope of leaky_relu on the negative side, 0.01 unless given. The values are
    PyTorch's.

    >>> from backlit import nn
    >>> round(nn.init.calculate_gain("relu"), 4)
    1.4142
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in GAINS:
        raise ValueError(f"no gain is known for {nonlinearity!r}; known: {', '.join(GAINS)}")
    return GAINS[nonlinearity]


GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "selu": 3 / 4,
}


def fans(tensor: Tensor) -> tuple[int, int]:
    """fan_in and fan_out: how many inputs make one output, and the reverse."""
    if tensor.ndim < 2:
        raise ValueError(f"fan_in and fan_out need at least 2 axes, got shape {tensor.shape}")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform in ±gain·sqrt(6 / (fan_in + fan_out)), for tanh and sigmoid. Glorot, Bengio 2010.

    >>> from backlit import nn
    >>> from backlit.engine import zeros
    >>> weight = nn.init.xavier_uniform_(zeros((3, 3)))
    >>> abs(weight.numpy()).max() <= 1
    np.True_
    """
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with the standard deviation gain·sqrt(2 / (fan_in + fan_out)). Glorot, Bengio 2010."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in ±gain·sqrt(3 / fan), for the ReLU family. He et al. 2015.

    ``a`` is the negative slope of leaky_relu, ``mode`` is "fan_in" (keeps the size of values) or
    "fan_out" (keeps the size of gradients).

    >>> from backlit import nn
    >>> from backlit.engine import zeros
    >>> weight = nn.init.kaiming_uniform_(zeros((4, 6)), nonlinearity="relu")
    >>> abs(weight.numpy()).max() <= 1
    np.True_
    """
    bound = math.sqrt(3) * kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with the standard deviation gain / sqrt(fan), for the ReLU family. He et al. 2015."""
    return normal_(tensor, 0.0, kaiming_std(tensor, a, mode, nonlinearity), generator)


def kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'mode must be "fan_in" or "fan_out", got {mode!r}')
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)
