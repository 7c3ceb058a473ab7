"""Whole training steps: forward, cross-entropy, backward, Adam, in four sizes of network.
Each once with the loss left where it is and once read into Python at every step; backlit eager and
replayed. And whole epochs, for which no system goes back to Python between steps if it can."""

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


def step_spec(sizes: tuple[int, ...], batch: int, read: bool, replayed: bool) -> dict:
    """What the workers are told of a training step."""
    return {
        "kind": "step",
        "sizes": sizes,
        "batch": batch,
        "read": read,
        "replayed": replayed,
        "checked": CHECKED_STEPS,
        "learning_rate": LEARNING_RATE,
    }


def spec_of(name: str, read: bool, replayed: bool) -> dict:
    """The same of a named network."""
    return step_spec(*NETWORKS[name], read, replayed)


def _case(name: str, read: bool, replayed: bool) -> Case:
    sizes, batch = NETWORKS[name]
    title = f"{name}, batch {batch}" + (", loss read" if read else "")
    row = f"{'replay' if replayed else 'step'}-{name}{'-read' if read else ''}"
    spec = spec_of(name, read, replayed)
    # Adam's first steps are the signs of the gradients; where a wide network has some near zero,
    # rounding decides them
    tolerance = 1e-2 if max(sizes[1:]) > 1000 else 1e-4
    return Case((Measure(row, title, "us", 1e6),), SYSTEMS, spec, tolerance)


def _both() -> list[tuple[str, bool]]:
    """Networks, with the loss unread and read; reading one number is nothing to the largest."""
    return [(n, read) for n in NETWORKS for read in (False, True) if not (read and "2048" in n)]


GROUP = Group(
    name="steps",
    title="Training step with Adam, eager",
    note="torch: eager, Adam as it comes. torch.compile: loss and optimizer compiled. "
    "jax: one jitted function, buffers donated, waited for at the end unless the loss is read.",
    cases=tuple(_case(name, read, False) for name, read in _both()),
)

REPLAY = Group(
    name="replay",
    title="Training step with Adam, replayed",
    note="The same steps under `bl.replay`, called one by one; the other systems as above.",
    cases=tuple(_case(name, read, True) for name, read in _both()),
)


def _epochs(name: str, batch: int | None, shuffle: bool, title: str) -> Case:
    sizes, own = NETWORKS[name]
    rows = own if batch is None else own * (56 if own < 100 else BATCHES)
    spec = {"kind": "epochs", "sizes": sizes, "rows": rows, "batch": batch or rows}
    spec |= {"shuffle": shuffle, "learning_rate": LEARNING_RATE, "checked": 3}
    steps = rows // spec["batch"]
    measure = Measure(f"epochs-{name}", title, "us", 1e6 / steps)
    return Case((measure,), ("backlit", "torch", "torch-fused", "jax"), spec, 1e-4)


EPOCHS = Group(
    name="epochs",
    title="A step within whole epochs, with Adam",
    note="backlit: `step.run`. jax: `lax.scan` over the batches of an epoch in one jitted call "
    "(1,024 steps of a full batch), shuffled within it. torch: a loop over `randperm`'s indices.",
    cases=(
        _epochs("2-16-16-2", None, False, "2-16-16-2, full batch of 100"),
        _epochs("64-128-10", 32, True, "64-128-10, batch 32 of 1,792, shuffled"),
        _epochs("784-256-128-10", 128, False, "784-256-128-10, batch 128 of 1,024"),
    ),
)
