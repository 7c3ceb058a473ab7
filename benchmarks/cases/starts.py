"""Whole processes: what `import` costs, and what a short training script costs from the shell.
The scripts are the files in `scripts/`; their time includes the interpreter's start and end."""

from .case import Case, Group, Measure

IMPORT = Group(
    name="import",
    title="Import, as a whole process",
    note="`python -c 'import …'`; the bare interpreter is in all of them. backlit's parts load at "
    "their first use: the second row loads them (and torch's and jax's). Numba is loaded with the "
    "first kernel, which only the script below has.",
    cases=(
        Case(
            (Measure("import", "import", "ms", 1e3),),
            ("backlit", "numba", "numpy", "torch", "jax", "python"),
            {
                "prints": False,
                "commands": {
                    "backlit": ["-c", "import backlit"],
                    "numba": ["-c", "import numba"],
                    "numpy": ["-c", "import numpy"],
                    "torch": ["-c", "import torch"],
                    "jax": ["-c", "import jax"],
                    "python": ["-c", "pass"],
                },
            },
            patience=2,
        ),
        Case(
            (Measure("import-parts", "import, engine, nn and optim loaded", "ms", 1e3),),
            ("backlit", "numba", "torch", "jax"),
            {
                "prints": False,
                "commands": {
                    "backlit": ["-c", "from backlit import engine, nn, optim"],
                    "numba": ["-c", "import numba"],
                    "torch": ["-c", "from torch import nn, optim"],
                    "jax": ["-c", "import jax.numpy"],
                },
            },
            patience=2,
        ),
    ),
)

SCRIPT = Group(
    name="script",
    title="A training script, as a whole process",
    note="Import, 200 full-batch steps of Adam on 200 moons with a 2-16-16-2 network, print the "
    "accuracy; `benchmarks/scripts/`. Caches are warm.",
    cases=(
        Case(
            (
                Measure("script", "wall time", "ms", 1e3),
                Measure("script-memory", "peak memory", "MB", 1.0, "megabytes"),
            ),
            ("backlit", "torch", "jax"),
            {
                "prints": True,
                "commands": {
                    "backlit": ["{scripts}/moons_backlit.py"],
                    "torch": ["{scripts}/moons_torch.py"],
                    "jax": ["{scripts}/moons_jax.py"],
                },
            },
            tolerance=0.05,  # each library draws its own initial weights
        ),
    ),
)
