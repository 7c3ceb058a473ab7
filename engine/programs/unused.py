"""A pass: ops whose results nobody reads are left out. What changes memory from outside stays, and
so does what draws from a generator.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .recorder import Op, Recorder, owner


def used(seen: Recorder, outputs: Sequence[np.ndarray]) -> list[Op]:
    """The ops that results, gradients, memory from outside or losses that are watched need."""
    wanted = {id(owner(array)) for array in outputs}
    wanted |= {id(owner(value)) for value, _ in seen.roots}
    made = seen.made
    kept: list[Op] = []
    for op in reversed(seen.ops):
        targets = [id(owner(op.out))] if op.out is not None else map(id, map(owner, op.written()))
        if any(x in wanted or x not in made for x in targets) or op.primitive.draws:
            kept.append(op)
            wanted.update(id(owner(array)) for array in op.arrays)
    kept.reverse()
    return kept
