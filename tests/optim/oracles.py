"""The optimizers again, straight from their papers in float64 NumPy: what the tests compare with.
Written for reading, one parameter at a time, without looking at the kernels.
"""

import numpy as np


class Momentum:
    """Sutskever et al. 2013 as PyTorch words it: velocity = momentum * velocity + gradient."""

    def __init__(
        self,
        lr=1e-3,
        momentum=0.0,
        dampening=0.0,
        weight_decay=0.0,
        nesterov=False,
        maximize=False,
    ):
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.decay, self.nesterov, self.maximize = weight_decay, nesterov, maximize
        self.velocity = None

    def step(self, x, g):
        g = (-g if self.maximize else g) + self.decay * x
        if self.momentum:
            if self.velocity is None:
                self.velocity = g
            else:
                self.velocity = self.momentum * self.velocity + (1 - self.dampening) * g
            g = g + self.momentum * self.velocity if self.nesterov else self.velocity
        return x - self.lr * g


class AdaptiveMoments:
    """Kingma, Ba 2015, algorithm 1; with ``decoupled`` Loshchilov, Hutter 2019, algorithm 2."""

    def __init__(
        self,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.0,
        maximize=False,
        decoupled=False,
    ):
        self.lr, self.betas, self.eps = lr, betas, eps
        self.decay, self.maximize, self.decoupled = weight_decay, maximize, decoupled
        self.m = self.v = 0.0
        self.t = 0

    def step(self, x, g):
        g = -g if self.maximize else g
        if self.decoupled:
            x = x - self.lr * self.decay * x
        else:
            g = g + self.decay * x
        first, second = self.betas
        self.t += 1
        self.m = first * self.m + (1 - first) * g
        self.v = second * self.v + (1 - second) * g**2
        mean = self.m / (1 - first**self.t)
        square = self.v / (1 - second**self.t)
        return x - self.lr * mean / (np.sqrt(square) + self.eps)


def descend(oracle, start, gradients):
    """Where an oracle goes from ``start``, given a gradient per step; None is a step without."""
    x = np.asarray(start, np.float64)
    for g in gradients:
        x = x if g is None else oracle.step(x, np.asarray(g, np.float64))
    return x
