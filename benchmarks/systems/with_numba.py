"""Numba, for the machine's own limit: fused multiply-adds in registers and nothing else.
The loop is written in LLVM's terms, because no Python source would be sure to become it."""

import threading

import numba
import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..bench import Bench

WIDTH = 16 if get_host_cpu_features().get("avx512f", False) else 8  # floats of a register
CHAINS = 10  # sums that do not wait for each other: two units, four cycles, and two to spare
FLOPS_A_PASS = 2 * WIDTH * CHAINS


@intrinsic
def _multiply_add(typingctx, passes):
    """The sum of CHAINS registers, each multiplied and added to `passes` times."""

    def codegen(context, builder, signature, args):
        vector = ir.VectorType(ir.FloatType(), WIDTH)
        kind = ir.FunctionType(vector, [vector] * 3)
        fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32")
        factor = ir.Constant(vector, [0.5] * WIDTH)
        slots = [cgutils.alloca_once(builder, vector) for _ in range(CHAINS)]
        for k, slot in enumerate(slots):
            builder.store(ir.Constant(vector, [float(k)] * WIDTH), slot)
        with cgutils.for_range(builder, args[0]):
            for k, slot in enumerate(slots):
                addend = ir.Constant(vector, [float(k)] * WIDTH)
                builder.store(builder.call(fma, [builder.load(slot), factor, addend]), slot)
        total = builder.load(slots[0])
        for slot in slots[1:]:
            total = builder.fadd(total, builder.load(slot))
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return types.float32(types.int64), codegen


@numba.njit(nogil=True)
def _passes(count: int) -> float:
    return _multiply_add(count)  # pyright: ignore[reportCallIssue] (Numba gives the context)


class System:
    """There is one variant; every thread does the same work."""

    def __init__(self, variant: str, threads: int) -> None:
        self.threads = threads

    def versions(self) -> dict[str, str]:
        """Numba's version."""
        return {"numba": numba.__version__}

    def build(self, spec: dict) -> Bench:
        """The bench of a spec; Numba takes part in the limit alone."""
        if spec["kind"] != "fma":
            raise NotImplementedError(f"numba has no {spec['kind']} here")
        passes = int(spec["flops"] / FLOPS_A_PASS)
        others = self.threads - 1

        def run(count: int) -> None:
            work = [threading.Thread(target=_passes, args=(count * passes,)) for _ in range(others)]
            for thread in work:
                thread.start()
            _passes(count * passes)
            for thread in work:
                thread.join()

        def check() -> list[float]:
            # x = x / 2 + k goes to 2 k
            return [float(np.float32(_passes(100)) - 2 * sum(range(CHAINS)))]

        return Bench(run, check)
