"""Which versions of what a run used, for the report, run.json and the doctor.
Read from the packages' metadata, so that nothing is imported to learn its version."""

from __future__ import annotations

import platform
from importlib import metadata

CORE = ("numpy", "numba", "llvmlite", "graphviz")
OPTIONAL = ("scikit-learn", "rich")


def version_of(package: str) -> str | None:
    """The installed version of a package, None where it is missing.

    >>> version_of("surely-not-installed") is None
    True
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def backlit_version() -> str:
    """backlit's own version; a checkout that was never installed has none."""
    return version_of("backlit") or "unknown (not installed)"


def versions() -> dict[str, str]:
    """What a run depends on, by name."""
    found = {"backlit": backlit_version(), "python": platform.python_version()}
    found |= {name: version_of(name) or "missing" for name in CORE}
    return found | {"machine": f"{platform.system()} {platform.machine()}"}
