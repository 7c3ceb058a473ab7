"""`backlit doctor`: what is there, what is missing, and how to mend it, line by line.
It uses what a training step uses, kernels included, so "ok" means that it was tried."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .versions import CORE, OPTIONAL, backlit_version, version_of

OK, NOTE, BROKEN = "ok", "note", "BROKEN"
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One line: how it stands, of what, in words, and how to mend it."""

    level: str
    name: str
    words: str
    mend: str = ""

    def __str__(self) -> str:
        """The line as it is printed."""
        mend = f"; {self.mend}" if self.mend else ""
        return f"{self.level:<7} {self.name:<13} {self.words}{mend}"


def examine() -> int:
    """Print every finding; 0 if backlit can be used, 1 if something essential is broken."""
    broken = 0
    for check in (packages, processor, threads, kernels, kernel_cache, products, subnormals, dot):
        for finding in _tried(check):
            print(finding, flush=True)
            broken += finding.level == BROKEN
    print()
    if broken:
        print(f"{broken} essential {'thing is' if broken == 1 else 'things are'} broken.")
    else:
        print("backlit can be used.")
    return 1 if broken else 0


def _tried(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; one that fails is a finding itself."""
    try:
        yield from check()
    except Exception as error:  # whatever a broken installation raises, the doctor goes on
        words = " ".join(f"{type(error).__name__}: {error}".split())
        name = check.__name__.replace("_", " ")
        yield Finding(BROKEN, name, words[:300], "reinstall: pip install --force-reinstall backlit")


def packages() -> Iterator[Finding]:
    """Python, backlit, and what both need or can use."""
    python = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding(OK, "python", f"{python}, {sys.executable}")
    else:
        yield Finding(BROKEN, "python", python, "backlit needs 3.11 or newer")
    here = Path(__file__).resolve().parent
    yield Finding(OK, "backlit", f"{backlit_version()}, {here.parent}")
    for name in CORE:
        version = version_of(name)
        if version:
            yield Finding(OK, name, version)
        else:
            yield Finding(BROKEN, name, "missing", f"run: pip install {name}")
    uses = {
        "scikit-learn": "the datasets digits, iris, wine, breast_cancer, diabetes",
        "rich": "the progress bar",
    }
    for name in OPTIONAL:
        version = version_of(name)
        if version:
            yield Finding(OK, name, version)
        else:
            words = f"missing; only needed for {uses[name]}"
            yield Finding(NOTE, name, words, 'run: pip install "backlit[learn]"')


def processor() -> Iterator[Finding]:
    """The processor and the vector instructions that kernels are compiled for."""
    from llvmlite import binding

    found = binding.get_host_cpu_features()
    vectors = [
        name for name in ("sse4.2", "avx", "avx2", "fma", "avx512f", "neon") if found.get(name)
    ]
    words = f"{binding.get_host_cpu_name()}: {', '.join(vectors) or 'no vector instructions known'}"
    if found.get("fma") or found.get("neon"):
        yield Finding(OK, "processor", words)
    else:
        yield Finding(NOTE, "processor", f"{words}; no fused multiply-add, so kernels are slow")


def threads() -> Iterator[Finding]:
    """How many processors this process may use."""
    from ..engine import get_num_threads
    from ..engine.kernels.pool import usable_processors

    words = f"{usable_processors()} of {os.cpu_count()} processors usable"
    words += f"; big kernels use {get_num_threads()}"
    yield Finding(OK, "threads", words)


def kernels() -> Iterator[Finding]:
    """A kernel, compiled or loaded, and run."""
    from ..engine import tensor

    result = (tensor([0.0, 1.0]).exp() + 1.0).tolist()
    if abs(result[0] - 2) < 1e-6 and abs(result[1] - 3.7182817) < 1e-6:
        yield Finding(OK, "kernels", "compiled by Numba, run, right")
    else:
        yield Finding(BROKEN, "kernels", f"exp([0, 1]) + 1 came out as {result}", _CLEAR)


_CLEAR = "delete the kernel cache (below) and try again"


def kernel_cache() -> Iterator[Finding]:
    """Where compiled kernels are kept between processes."""
    from ..engine.kernels import cache

    folder = cache.directory()
    kept = [file for file in folder.rglob("*") if file.is_file()]
    compiled = sum(file.suffix == ".nbc" for file in kept)
    size = sum(file.stat().st_size for file in kept)
    words = f"{folder}: {compiled} kernels, {size / 2**20:.1f} MB"
    if cache.is_kept():
        yield Finding(OK, "kernel cache", words)
    else:
        yield Finding(
            NOTE,
            "kernel cache",
            f"{cache.root()} cannot be used (not writable, or not ours alone), "
            "so every process compiles its kernels again",
            "set BACKLIT_CACHE_DIR to a folder of your own",
        )


def products() -> Iterator[Finding]:
    """The product of matrices, whose kernel is made for this processor."""
    from ..engine import ones

    product = float((ones((64, 64)) @ ones((64, 64)))[0, 0].item())
    if product != 64:
        words = f"the product of two 64 x 64 matrices of ones holds {product}, not 64"
        yield Finding(BROKEN, "products", words, "remove the kernel cache and try again")
        return
    yield Finding(OK, "products", "64 x 64 matrices are multiplied by a kernel of backlit's own")


def subnormals() -> Iterator[Finding]:
    """Whether numbers too small for full precision are flushed to 0, as training wants them."""
    from ..engine import tensor

    if (tensor([1e-40]) * tensor([1.0])).item() == 0:
        yield Finding(OK, "subnormals", "flushed to 0 in kernels: dying gradients stay fast")
    else:
        yield Finding(NOTE, "subnormals", "kept: long trainings may slow down as gradients die")


def dot() -> Iterator[Finding]:
    """Graphviz's program, which only `layout="dot"` asks for."""
    program = shutil.which("dot")
    if program is None:
        yield Finding(
            NOTE,
            "Graphviz dot",
            'missing; only needed for draw(…, layout="dot")',
            "run: apt install graphviz (or brew, or conda)",
        )
        return
    answer = subprocess.run(
        [program, "-V"], capture_output=True, text=True, timeout=20, check=False
    )
    version = (answer.stderr or answer.stdout).strip()
    if answer.returncode == 0:
        yield Finding(OK, "Graphviz dot", f"{program}, {version}")
    else:
        yield Finding(
            NOTE, "Graphviz dot", f"{program} fails: {version[:200]}", "reinstall graphviz"
        )
