"""How a training step grows with the width, the batch and the depth of a network: the charts.
Forty rows would drown the tables, so that this group is measured only if it is named."""

from .case import Case, Group, Measure
from .steps import step_spec

SYSTEMS = ("backlit", "torch-fused", "jax")
WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
DEPTHS = (1, 2, 4, 8, 16, 32)


def _case(panel: str, value: int, sizes: tuple[int, ...], batch: int) -> Case:
    # in deep networks gradients vanish, and Adam's first steps are rounding divided by rounding
    spec = step_spec(sizes, batch, read=False, replayed=True)
    spec |= {"panel": panel, "value": value}
    measure = Measure(f"{panel}-{value}", f"{panel} {value:,}", "us", 1e6)
    return Case((measure,), SYSTEMS, spec, tolerance=1e-2)


GROUP = Group(
    name="scaling",
    title="Training step with Adam, by width, batch and depth",
    note="width: 64-w-w-10, batch 32. batch: 64-128-10. depth: that many hidden layers of 64 units "
    "over 64 inputs, batch 32. backlit replayed, called one by one.",
    cases=(
        *(_case("width", width, (64, width, width, 10), 32) for width in WIDTHS),
        *(_case("batch", batch, (64, 128, 10), batch) for batch in BATCHES),
        *(_case("depth", depth, (64, *(64,) * depth, 10), 32) for depth in DEPTHS),
    ),
    usual=False,
)
