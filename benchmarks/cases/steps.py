"""Whole training steps: forward, cross-entropy, backward, Adam, in four sizes of network.
Each once with the loss left where it is and once read into Python at every step."""

from .case import Case, Group, Measure

SYSTEMS = ("backlit", "torch", "torch-fused", "torch-compile", "jax")
BATCHES = 8  # taken in turn; one fixed batch would be learned by heart and its gradients vanish
CHECKED_STEPS = 20
LEARNING_RATE = 1e-3

NETWORKS: dict[str, tuple[tuple[int, ...], int]] = {
    "2-16-16-2": ((2, 16, 16, 2), 100),
    "64-128-10": ((64, 128, 10), 32),
    "784-256-128-10": ((784, 256, 128, 10), 128),
    "784-2048-2048-10": ((784, 2048, 2048, 10), 512),
}


def _case(name: str, read: bool) -> Case:
    sizes, batch = NETWORKS[name]
    title = f"{name}, batch {batch}" + (", loss read" if read else "")
    row = f"step-{name}-read" if read else f"step-{name}"
    spec = {"kind": "step", "network": name, "sizes": sizes, "read": read, "checked": CHECKED_STEPS}
    spec["learning_rate"] = LEARNING_RATE
    # Adam's first steps are the signs of the gradients; where a wide network has some near zero,
    # rounding decides them
    tolerance = 1e-2 if max(sizes[1:]) > 1000 else 1e-4
    return Case((Measure(row, title, "us", 1e6),), SYSTEMS, spec, tolerance)


GROUP = Group(
    name="steps",
    title="Training step with Adam",
    note="torch: eager, Adam as it comes. torch.compile: loss and optimizer compiled. "
    "jax: one jitted function, buffers donated, waited for at the end unless the loss is read.",
    cases=tuple(_case(name, read) for name in NETWORKS for read in (False, True)),
)
