"""What a run is asked to do, with defaults tuned per dataset, and the command that repeats it.
The defaults are plain: one or two hidden layers, Adam, mini batches, a few seconds."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from .errors import UsageError


@dataclass(frozen=True)
class Settings:
    """One training run. Raises UsageError where a number makes no sense.

    >>> Settings("moons", hidden=(16, 16), epochs=200).command()
    'backlit learn moons --hidden 16,16 --epochs 200 --lr 0.01 --batch-size 32 --seed 0'
    """

    dataset: str
    hidden: tuple[int, ...] = (32,)
    epochs: int = 60
    lr: float = 0.01
    batch_size: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be trained with."""
        if not self.hidden or min(self.hidden) < 1:
            raise UsageError(f"hidden must be sizes of 1 or more, not {self.hidden}")
        if self.epochs < 1:
            raise UsageError(f"epochs must be 1 or more, not {self.epochs}")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise UsageError(f"the learning rate must be above 0 and finite, not {self.lr}")
        if self.batch_size < 1:
            raise UsageError(f"the batch size must be 1 or more, not {self.batch_size}")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"the seed must be from 0 to 2**63 - 1, not {self.seed}")

    @classmethod
    def default(cls, dataset: str, **given: Any) -> Settings:
        """The tuned settings of a dataset, with those that are given (not None) in their place."""
        chosen = {name: value for name, value in given.items() if value is not None}
        return replace(RECIPES.get(dataset, cls(dataset)), **chosen)

    def command(self) -> str:
        """The command line that repeats this run."""
        return (
            f"backlit learn {self.dataset} --hidden {','.join(map(str, self.hidden))} "
            f"--epochs {self.epochs} --lr {self.lr!r} --batch-size {self.batch_size} "
            f"--seed {self.seed}"
        )

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return {**asdict(self), "hidden": list(self.hidden)}


_TUNED = (
    Settings("digits", hidden=(128,), epochs=60, lr=0.003),
    Settings("moons", hidden=(16, 16), epochs=100),
    Settings("circles", hidden=(16, 16), epochs=60),
    Settings("spirals", hidden=(32, 32), epochs=100),
    Settings("blobs", hidden=(16,), epochs=40),
    Settings("xor", hidden=(16, 16), epochs=60),
    Settings("iris", hidden=(16,), batch_size=16),
    Settings("wine", hidden=(16,), batch_size=16),
    Settings("breast_cancer", hidden=(32,), lr=0.003, batch_size=16),
    Settings("diabetes", hidden=(32,), lr=0.003),
)
RECIPES: dict[str, Settings] = {settings.dataset: settings for settings in _TUNED}
