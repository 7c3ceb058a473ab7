"""The environment each measured process starts with: one number of threads for every library.
It is set before the process starts, because the libraries read it once, when they are imported."""

import os

# jax has no option for this; XLA's pool on the CPU reads NPROC.
VARIABLES = (
    "BACKLIT_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",
)


def environment(threads: int) -> dict[str, str]:
    """A copy of this process's environment with every library held to `threads` threads.

    >>> environment(2)["OMP_NUM_THREADS"]
    '2'
    """
    result = dict(os.environ)
    result.update(dict.fromkeys(VARIABLES, str(threads)))
    result["JAX_PLATFORMS"] = "cpu"
    # torch.compile would otherwise start a pool of compiling processes that outlives the first call
    result["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    return result
