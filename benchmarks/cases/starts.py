"""Whole processes: what `import` costs, and what training scripts cost from the shell.
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
                "prints": [],
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
                "prints": [],
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
    "accuracy; `benchmarks/scripts/`. Caches are warm: backlit's kernels, jax's compiled code.",
    cases=(
        Case(
            (
                Measure("script", "wall time", "ms", 1e3),
                Measure("script-memory", "peak memory", "MB", 1.0, "megabytes"),
            ),
            ("backlit", "torch", "jax"),
            {
                "prints": ["accuracy"],
                "commands": {
                    "backlit": ["{scripts}/moons_backlit.py"],
                    "torch": ["{scripts}/moons_torch.py"],
                    "jax": ["{scripts}/moons_jax.py", "{kept}"],
                },
            },
            tolerance=0.05,  # each library draws its own initial weights
        ),
    ),
)

DIGITS = Group(
    name="digits",
    title="Digits to 96 % of a validation set, as a whole process",
    note="Import, read 1,797 digits from an .npz file, train 64-128-10 by Adam (rate 1e-3, batches "
    "of 32, shuffled) until 0.96 of 360 digits kept aside are right, looking once an epoch; "
    "`benchmarks/scripts/`. Caches are warm: backlit's kernels, jax's compiled functions. Each "
    "library draws its own initial weights, from the same distribution, and its own order.",
    cases=(
        Case(
            (
                Measure("digits", "wall time", "ms", 1e3),
                Measure("digits-memory", "peak memory", "MB", 1.0, "megabytes"),
                Measure("digits-epochs", "epochs that it took", "count", 1.0, "epochs"),
            ),
            ("backlit", "torch", "jax"),
            {
                "kind": "digits",
                "prints": ["accuracy"],
                "commands": {
                    "backlit": ["{scripts}/digits_backlit.py", "{kept}/data.npz"],
                    "torch": ["{scripts}/digits_torch.py", "{kept}/data.npz"],
                    "jax": ["{scripts}/digits_jax.py", "{kept}/data.npz", "{kept}"],
                },
            },
            tolerance=0.05,  # they stop above 0.96, each where it comes to be
        ),
    ),
)
