"""A table without a target: groups of rows, directions, what rows can be brought down to, columns
that tell each other. Each claim stands beside what the same table with shuffled columns gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..study.findings import Finding
from ..study.text import count_text
from .claims import (
    autoencoder_step,
    clusters_step,
    components_step,
    masked_step,
    table_step,
)
from .data.words import quoted
from .errors import DataError
from .models.autoencoder import Reconstruction, autoencode
from .models.clusters import Clusters, clusters
from .models.components import Components, components
from .models.masked import MaskedColumns, masked_columns
from .models.matrix import Matrix
from .result import Step

if TYPE_CHECKING:
    from .data.preparation import Preparation
    from .data.table import Table

LEAST = 20
"""Rows that there must be."""

MOST = 5000
"""Rows that are looked at; of more, so many are drawn."""


@dataclass(frozen=True)
class Exploration:
    """What was found in a table without a target; what could not be looked for is None.

    `rows` are the numbers of the table's rows that were looked at, in the order of `matrix`.
    """

    name: str
    seed: int
    rows: np.ndarray
    preparation: Preparation
    matrix: Matrix
    clusters: Clusters | None
    components: Components | None
    reconstruction: Reconstruction | None
    masked: MaskedColumns | None
    steps: tuple[Step, ...]

    @property
    def findings(self) -> list[Finding]:
        """Of all steps, the worst first."""
        order = {"error": 0, "warning": 1, "note": 2}
        every = [finding for step in self.steps for finding in step.findings]
        return sorted(every, key=lambda finding: order[finding.level])

    @property
    def headline(self) -> str:
        """The whole in one sentence."""
        if not (self.clusters and self.components and self.reconstruction and self.masked):
            return "A single column: there is no structure to look for."
        parts = [
            f"{self.clusters.k} groups of rows" if self.clusters.found else "no groups of rows",
            count_text(self.components.count, "direction") + " above chance"
            if self.components.count
            else "no direction above chance",
            "bent relations" if self.reconstruction.bent else "nothing bent",
            f"{len(self.masked.told)} of {len(self.masked.scores)} columns told by the others",
        ]
        said = ", ".join(parts)
        return f"{said[0].upper()}{said[1:]}."

    def __str__(self) -> str:
        lines = [self.headline]
        for step in self.steps:
            lines += [f"{step.number} {step.title}", *(f"  {sentence}" for sentence in step.found)]
        return "\n".join(lines)


def explore(table: Table, seed: int = 0) -> Exploration:
    """Look for structure in a table, all of whose columns count alike.

    Up to 5,000 rows are prepared as they are for a network; then come clusters, principal
    components, an autoencoder and masked columns. The same seed gives the same numbers. Raises
    DataError for fewer than 20 rows, or where no column can be an input.

    >>> import numpy as np
    >>> from backlit.learn.data.table import Table
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 120))
    >>> found = explore(Table.of({"a": a, "b": b, "a again": a}))
    >>> [step.key for step in found.steps]
    ['table', 'clusters', 'components', 'autoencoder', 'masked']
    >>> [(score.column, score.told_by) for score in found.masked.told]
    [('a again', ('a',)), ('a', ('a again',))]
    """
    from .data.cells import missing_in
    from .data.preparation import Preparation

    if table.rows < LEAST:
        raise DataError(
            f"{quoted(table.name)} has {count_text(table.rows, 'row')}; structure is looked for "
            f"in {LEAST} rows and more: what fewer seem to show may be chance"
        )
    rows = np.arange(table.rows)
    if table.rows > MOST:
        rows = np.sort(np.random.default_rng(seed).permutation(table.rows)[:MOST])
    some = table.take(rows)
    preparation = Preparation.fit(some, None, np.arange(some.rows))
    matrix = Matrix.of(preparation.matrix(some), preparation.names, preparation.columns)
    known = np.column_stack([~missing_in(some.column(name)) for name in matrix.groups])
    matrix = Matrix.of(matrix.X, matrix.names, matrix.columns, known)
    several = len(matrix.groups) > 1
    found_clusters = clusters(matrix, seed) if several else None
    found_components = components(matrix, seed) if several else None
    rebuilt = autoencode(matrix, seed) if several else None
    masked = masked_columns(matrix, seed) if several else None
    steps = [table_step(table, rows, preparation, matrix)]
    if found_clusters and found_components and rebuilt and masked:
        steps += [
            clusters_step(found_clusters, len(rows)),
            components_step(found_components, len(rows)),
            autoencoder_step(rebuilt, matrix, some),
            masked_step(masked, len(rows)),
        ]
    return Exploration(
        table.name, seed, rows, preparation, matrix, found_clusters, found_components, rebuilt,
        masked, tuple(steps),
    )  # fmt: skip
