"""What the machine can do at most: multiply-adds in registers, large products, copies in memory.
`roofline.py` holds the training steps against the best of these."""

from .case import Case, Group, Measure

# multiply-adds and bytes of one run; the times of the rows become rates by these
FMA_FLOPS = 2e7
MATMUL = 1024
COPIED = 1 << 26  # bytes, far beyond the caches

GROUP = Group(
    name="limits",
    title="What the machine can do",
    note="Multiply-adds: 20 MFLOP a thread in vector registers, nothing read from memory. The "
    "copy: 64 MB to another place that is there already.",
    cases=(
        Case(
            (Measure("limit-fma", "fused multiply-adds", "us", 1e6),),
            ("numba",),
            {"kind": "fma", "flops": FMA_FLOPS},
        ),
        Case(
            (Measure("limit-matmul", f"matmul, {MATMUL:,} × {MATMUL:,} × {MATMUL:,}", "us", 1e6),),
            ("backlit", "torch", "numpy"),
            {"kind": "operation", "operation": "matmul", "shapes": ((MATMUL, MATMUL),) * 2},
        ),
        Case(
            (Measure("limit-copy", "copy of 64 MB", "us", 1e6),),
            ("torch", "numpy"),
            {"kind": "operation", "operation": "copy", "shapes": ((COPIED // 4,),) * 2},
        ),
    ),
)
