"""Which checks run at which step of the walk. Importing this fills the table of limits."""

from __future__ import annotations

from . import drift as drift  # their limits belong to the table too
from . import memory as memory
from .blind import blind
from .calibration import calibration
from .context import Check
from .duplicates import duplicates
from .groups import groups
from .imbalance import imbalance
from .importance import importance
from .integrity import integrity
from .leakage import leakage
from .memorising import memorising
from .mixing import mixing
from .one_batch import one_batch
from .rates import rates
from .rules import limits_with
from .units import units
from .untrained import untrained

__all__ = ["LOSS", "MODELS", "OPTIMISE", "SPLIT", "TABLE", "TRUST", "UNTRAINED", "limits_with"]

TABLE: tuple[Check, ...] = (integrity, imbalance)
SPLIT: tuple[Check, ...] = (duplicates, leakage)
MODELS: tuple[Check, ...] = (memorising,)
UNTRAINED: tuple[Check, ...] = (untrained, mixing)
LOSS: tuple[Check, ...] = (one_batch, blind)
OPTIMISE: tuple[Check, ...] = (rates, units)
TRUST: tuple[Check, ...] = (calibration, groups, importance)
