"""A chain of nine elementwise ops, GELU by its tanh formula, from a cache's size to memory's.
Who computes op by op walks through memory nine times; who fuses them, once."""

from .case import Case, Group, Measure

SYSTEMS = ("backlit", "backlit-eager", "torch", "torch-compile", "jax")
FUSED = ("torch", "torch-compile", "jax")  # each of these runs the chain in one pass
SIZES = {"4096": 4096, "65536": 65_536, "1m": 1_000_000, "8m": 8_000_000}


def _case(name: str) -> Case:
    size = SIZES[name]
    measure = Measure(f"gelu-{name}", f"{size:,} elements", "us", 1e6)
    return Case((measure,), SYSTEMS, {"kind": "gelu", "shapes": ((size,),)}, tolerance=1e-5)


GROUP = Group(
    name="chain",
    title="Nine elementwise ops, tanh-GELU",
    note="0.5 x (1 + tanh(0.798 (x + 0.0447 x³))) in float32, forward. backlit: written out, under "
    "`bl.replay` and eager. torch: its one kernel, `F.gelu(approximate='tanh')`. torch.compile and "
    "jax: written out.",
    cases=tuple(_case(name) for name in SIZES),
)
