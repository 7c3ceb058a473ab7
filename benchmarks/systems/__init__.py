"""Who takes part: a name, the heading of its column, and the file a worker loads for it.
Only that worker imports the library; here it is only looked for."""

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class SystemInfo:
    """One column. `needs` is the package to be installed, `module` defines class System."""

    name: str
    title: str
    needs: str
    module: str = ""
    variant: str = ""


def _known(*systems: SystemInfo) -> dict[str, SystemInfo]:
    return {system.name: system for system in systems}


_BACKLIT = "benchmarks.systems.with_backlit"
_TORCH = "benchmarks.systems.with_torch"
SYSTEMS = _known(
    SystemInfo("backlit", "backlit", "backlit", _BACKLIT),
    SystemInfo("backlit-eager", "backlit, eager", "backlit", _BACKLIT, "eager"),
    SystemInfo("torch", "torch", "torch", _TORCH, "eager"),
    SystemInfo("torch-fused", "torch, fused Adam", "torch", _TORCH, "fused"),
    SystemInfo("torch-compile", "torch.compile", "torch", _TORCH, "compile"),
    SystemInfo("jax", "jax", "jax", "benchmarks.systems.with_jax"),
    SystemInfo("numpy", "NumPy", "numpy", "benchmarks.systems.with_numpy"),
    SystemInfo("numba", "numba", "numba", "benchmarks.systems.with_numba"),
    SystemInfo("sklearn", "scikit-learn", "sklearn", "benchmarks.systems.with_sklearn"),
    SystemInfo("python", "bare python", "sys"),
)


def present(system: SystemInfo) -> bool:
    """Whether the system's package can be found; it is not imported."""
    try:
        return find_spec(system.needs) is not None
    except ValueError:  # a module without a spec, such as __main__, is there all the same
        return True
