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
        written = (op.out,) if op.out is not None else op.written()
        for array in written:
            memory = id(owner(array))
            if memory in wanted or memory not in made:
                break
        else:
            if not op.primitive.draws:
                continue
        kept.append(op)
        wanted.update([id(owner(array)) for array in op.arrays])
    kept.reverse()
    return kept
