"""Says on what the numbers were measured: processor, cores, system, Python, load.
Read from the standard library and /proc alone."""

import os
import platform
from pathlib import Path

_VECTORS = ("avx512f", "avx2", "asimd")


def describe() -> dict:
    """The machine as a JSON-able dict; `load` is the load average before the measuring began."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _cores(),
        "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def _cores() -> int:
    return os.cpu_count() or 1


def _cpu() -> str:
    fields = _fields("/proc/cpuinfo")
    name = fields.get("model name") or platform.processor() or platform.machine()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    vector = next((flag for flag in _VECTORS if flag in flags), None)
    return f"{name} ({vector})" if vector else name


def _memory() -> float | None:
    words = _fields("/proc/meminfo").get("MemTotal", "").split()
    return round(int(words[0]) * 1024 / 1e9, 1) if words else None


def _fields(path: str) -> dict[str, str]:
    file = Path(path)
    if not file.is_file():
        return {}
    result: dict[str, str] = {}
    for line in file.read_text(errors="replace").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            result.setdefault(key.strip(), value.strip())
    return result
