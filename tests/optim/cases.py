"""Settings and gradients that the tests of optimizers share, here and against PyTorch."""

import itertools

import numpy as np

STEPS = 50
SHAPES = [(3, 2), (5,), ()]

SGD = [
    {
        "lr": 0.1,
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": weight_decay,
        "nesterov": nesterov,
        "maximize": maximize,
    }
    for momentum, dampening, weight_decay, nesterov, maximize in itertools.product(
        (0.0, 0.9), (0.0, 0.3), (0.0, 0.05), (False, True), (False, True)
    )
    if not (nesterov and (momentum == 0 or dampening))
]
ADAM = [
    {"lr": 0.05, "betas": betas, "eps": eps, "weight_decay": decay, "maximize": maximize}
    for betas, eps, decay, maximize in itertools.product(
        ((0.9, 0.999), (0.0, 0.5)), (1e-8, 1e-2), (0.0, 0.1), (False, True)
    )
]


def starts():
    rng = np.random.default_rng(1)
    return [rng.normal(size=shape) for shape in SHAPES]


def gradients():
    """For each parameter a gradient per step; the last one lacks some, the first three too."""
    rng = np.random.default_rng(2)
    all_of_them = [[rng.normal(size=shape) for _ in range(STEPS)] for shape in SHAPES]
    all_of_them[-1] = [
        None if step < 3 or step % 7 == 0 else g for step, g in enumerate(all_of_them[-1])
    ]
    return all_of_them


def label(options):
    return "-".join(str(value) for value in options.values())
