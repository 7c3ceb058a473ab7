"""The strict reader of CSV files: a pass that checks the form, pandas for the cells, and then for
each column the question whether it holds numbers or texts. Nothing is guessed in silence.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...study.text import count_text
from ..errors import DataError
from .cells import EXACT
from .gathering import Column
from .heading import names_of
from .notation import is_number, is_rounded, other_notation
from .structure import SEPARATORS, Block, cells, records, separator_of
from .words import listed, nearest, quoted

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?", "-")
"""The cells that count as missing."""
MOST_TEXT = 0.05  # of a column of numbers may be texts; above that it is a column of texts
MOST_LEVELS = 10  # different numbers, up to which they may be names of categories
BUDGET = 450_000_000  # bytes of a table in memory, so that a walk over it stays under 1 GB


@dataclass
class Contents:
    """What was in the file: columns of float64, int64 or object (str, None where missing)."""

    columns: dict[str, np.ndarray]
    lines: np.ndarray
    notes: list[str]
    sha256: str


def read(
    path: Path,
    encoding: str = "utf-8",
    missing: Collection[str] = (),
    texts: Collection[str] = (),
    one_column: bool = False,
) -> Contents:
    """The contents of a CSV file, also of a gzip one.

    `missing` are cells that count as missing beside `MISSING`, `texts` names of columns that are
    read as text even if all their cells are numbers; `one_column` lets a file have only one.
    Raises DataError for whatever is wrong with the file, UsageError for an unknown encoding.
    """
    require_file(path)
    with path.open("rb") as raw:
        sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    separator = separator_of(path, encoding)
    reader = Reader(
        path,
        encoding,
        separator,
        {*MISSING, *(mark.strip() for mark in missing)},
        texts,
        one_column,
    )
    while reader.pass_over():
        pass  # once more, for columns that turned out to be text after cells read as numbers
    columns = {name: reader.finished(i) for i, name in enumerate(reader.names)}
    lines = np.concatenate(reader.lines)
    return Contents(columns, lines, reader.notes, sha256)


def require_file(path: Path) -> None:
    """Raise DataError, with what may have been meant, unless there is such a file with bytes."""
    name = quoted(path)
    try:
        if path.is_dir():
            inside = [p.name for p in sorted(path.iterdir()) if ".csv" in p.suffixes]
            hint = f"; in it: {listed(inside)}" if inside else ""
            raise DataError(f"{name} is a folder; name a CSV file{hint}")
        if not path.exists():
            siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise DataError(f"there is no file {name}{nearest(path.name, siblings)}")
        if not path.is_file():
            raise DataError(f"{name} is not a regular file; write what it gives to a file first")
        with path.open("rb") as raw:
            if not raw.read(1):
                raise DataError(f"{name} is empty")
    except (OSError, ValueError) as error:  # no permission, a name too long or with a NUL byte
        if isinstance(error, DataError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{name} cannot be read: {reason}") from None


class Reader:
    """Reads a file once or twice; see `read`."""

    def __init__(
        self,
        path: Path,
        encoding: str,
        separator: str,
        missing: set[str],
        texts: Collection[str],
        one_column: bool,
    ) -> None:
        """Take down what is to be read, and how."""
        self.path, self.encoding, self.separator = path, encoding, separator
        self.missing = missing
        self.wanted = set(texts)
        self.least = 1 if one_column else 2
        self.forced: set[int] = set()
        self.names: list[str] = []
        self.columns: list[Column] = []
        self.lines: list[np.ndarray] = []
        self.notes: list[str] = []

    @property
    def file(self) -> str:
        """What sentences call the file."""
        return quoted(self.path.name)

    def pass_over(self) -> bool:
        """Read all records. True where that is to be done again, with more columns as text."""
        self.names, self.columns, self.lines = [], [], []
        as_text = set(self.forced)
        for block in records(self.path, self.encoding, self.separator):
            if not self.names:
                if not block.records:
                    continue
                self.header(block)
                self.require_known()
                as_text |= {i for i, name in enumerate(self.names) if name in self.wanted}
            self.require_rectangle(block)
            if block.records:
                self.take(block, as_text)
        if not self.names:
            raise DataError(f"{self.file} has no line with text in it")
        if not self.lines:
            raise DataError(f"{self.file} has a header and no rows")
        again = {i for i, column in enumerate(self.columns) if self.settle(i, column)}
        self.forced |= again
        return bool(again)

    def header(self, block: Block) -> None:
        """Take the names off the first record."""
        record, line = block.records.pop(0), block.lines.pop(0)
        block.counts.pop(0)
        self.names = names_of(record, self.separator, f"{self.file}, line {line}", self.least)
        self.columns = [Column() for _ in self.names]
        self.notes = []
        if len(self.names) > 1:
            self.notes.append(f"cells are separated by {SEPARATORS[self.separator]}s")
        if self.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
            self.notes.append(f"read as {self.encoding}")
        like_numbers = [name for name in self.names if is_number(name)]
        if 2 * len(like_numbers) > len(self.names):
            self.notes.append(
                f"{len(like_numbers)} of {count_text(len(self.names), 'name')} are numbers, such "
                f"as {quoted(like_numbers[0])}: the first line is taken for the names; "
                "is the header missing?"
            )

    def require_known(self) -> None:
        """Raise DataError for a column that is to be read as text and is not there."""
        if self.least == 1:  # new rows: whoever needs the column will miss it, in its own words
            return
        for name in sorted(self.wanted):
            if name not in self.names:
                raise DataError(
                    f"{self.file} has no column {quoted(name)} to read as text"
                    f"{nearest(name, self.names)}"
                )

    def require_rectangle(self, block: Block) -> None:
        """Raise DataError for the first record that has more or fewer cells than the header."""
        wanted = len(self.names)
        if block.counts.count(wanted) == len(block.counts):
            return
        at = next(i for i, count in enumerate(block.counts) if count != wanted)
        count = block.counts[at]
        raise DataError(
            f"{self.file}, line {block.lines[at]}: {count} cell{'s' * (count != 1)} where the "
            f"header has {wanted}; a text that contains a {SEPARATORS[self.separator]} needs "
            "quotes around it, a cell without a value still needs its separator"
        )

    def parse(self, block: Block, as_text: Collection[int]) -> pd.DataFrame:
        """The records' cells as pandas reads them; the given columns as text."""
        import pandas as pd

        # Rounded correctly, as Python does: by default from 3.1 on, where asking for it warns.
        exact: dict[str, Any] = {}
        if tuple(int(part) for part in pd.__version__.split(".")[:2]) < (3, 1):
            exact = {"float_precision": "round_trip"}
        return pd.read_csv(
            io.StringIO("\n".join(block.records) + "\n"),
            sep=self.separator,
            header=None,
            names=list(range(len(self.names))),
            index_col=False,
            dtype=dict.fromkeys(as_text, object),
            na_values=sorted(self.missing),
            keep_default_na=False,
            skipinitialspace=True,
            skip_blank_lines=False,
            low_memory=False,
            **exact,
        )

    def take(self, block: Block, as_text: set[int]) -> None:
        """Add the block's cells to the columns."""
        frame = self.parse(block, as_text)
        # pandas reads true and false as booleans, huge integers as such, and forgets how they were
        # spelled.
        spelled = {i for i, (_, series) in enumerate(frame.items()) if not _kept(series)}
        if spelled:
            as_text |= spelled
            frame = self.parse(block, as_text)
        assert len(frame) == len(block.records)
        for i, (column, (_, series)) in enumerate(zip(self.columns, frame.items(), strict=True)):
            if series.dtype.kind in "iuf" and i not in as_text:
                values = series.to_numpy()
                if values.dtype != np.int64:
                    values = values.astype(np.float64)
                    infinite = np.flatnonzero(np.isinf(values))
                    if len(infinite):
                        row = int(infinite[0])
                        text = cells(block.records[row], self.separator)[i]
                        raise self.infinite(i, block.lines[row], text)
                if not column.rounded:
                    self.look_for_rounding(i, values, block)
                column.add_numbers(values)
            else:
                column.add_texts(series.to_numpy(object), block.lines, self.missing)
                if 2 * column.texts > column.filled:
                    as_text.add(i)
        self.lines.append(np.array(block.lines, np.int64))
        if sum(column.bytes for column in self.columns) > BUDGET:
            raise self.too_big(block)

    def look_for_rounding(self, i: int, values: np.ndarray, block: Block) -> None:
        """Note a whole number that has more digits than an input keeps."""
        for row in np.flatnonzero((values >= EXACT) | (values <= -EXACT)):
            text = cells(block.records[row], self.separator)[i].strip()
            if is_rounded(text):
                self.columns[i].rounded = (block.lines[row], text)
                return

    def settle(self, i: int, column: Column) -> bool:
        """Decide between numbers and texts. True where the file must be read again for that.

        Raises DataError where a few cells among numbers are texts.
        """
        name = self.names[i]
        if name in self.wanted:
            return not all(column.worded)
        if not column.texts:
            self.note_rounding(i, column)
            return False
        share = column.texts / column.filled
        line, text = column.examples[0]
        where = f"{self.file}, line {line}, column {quoted(name)}: {quoted(text)}"
        numbers = column.filled - column.texts
        other = other_notation(text)
        if other and (share <= MOST_TEXT or column.mostly_other_notation):
            raise DataError(
                f"{where} {other}; or, if it is none, read it as text: --text {quoted(name)} "
                "(in Python: texts=[...])"
            )
        if share <= MOST_TEXT:
            raise DataError(
                f"{where} is no number, as the other {numbers:,} cells of the column are "
                f"({count_text(column.texts, 'such cell')}); correct it, or let it count as "
                f"missing: --missing {quoted(text)} (in Python: missing=[...]), or read the whole "
                f"column as text: --text {quoted(name)} (texts=[...])"
            )
        if not all(column.worded):
            return True
        if numbers > column.texts and sum(column.numeric) > MOST_LEVELS:
            seen = ", ".join(f"{quoted(word)} in line {line}" for line, word in column.examples)
            self.notes.append(
                f"column {quoted(name)} is read as text: {column.texts:,} of its "
                f"{column.filled:,} cells are no numbers ({seen}, …); if these are missing values, "
                f"say so: --missing {quoted(text)}"
            )
        return False

    def note_rounding(self, i: int, column: Column) -> None:
        """Say that whole numbers of a column of numbers are not kept to their last digit."""
        words = [word for word in column.codes if is_rounded(word)]
        if words and not column.rounded:
            column.rounded = (self.line_of(column, column.codes[words[0]]), words[0])
        if column.rounded:
            line, text = column.rounded
            name = quoted(self.names[i])
            self.notes.append(
                f"column {name} holds whole numbers beyond 2^53 ({quoted(text)} in line {line}): "
                "a number keeps about 16 of their digits, so different ones may count as equal; "
                f"if they are names, read them as text: --text {name}"
            )

    def finished(self, i: int) -> np.ndarray:
        """The cells of a column in one array; the pieces are let go."""
        column = self.columns[i]
        as_text = bool(column.texts) or (self.names[i] in self.wanted and bool(column.codes))
        if not as_text:
            for word, code in column.codes.items():
                if not np.isfinite(float(word)):
                    raise self.infinite(i, self.line_of(column, code), word)
        return column.finished(as_text)

    def line_of(self, column: Column, code: int) -> int:
        """The first line in which a text stands."""
        for piece, worded, lines in zip(column.pieces, column.worded, self.lines, strict=True):
            if worded and (piece == code).any():
                return int(lines[np.argmax(piece == code)])
        raise AssertionError(code)

    def infinite(self, i: int, line: int, text: str) -> DataError:
        """The error for a number that is infinite, or too large to be any other."""
        return DataError(
            f"{self.file}, line {line}, column {quoted(self.names[i])}: {quoted(text)} is infinite "
            "as a number (the largest is about 1.8e308); correct it, or let it count as missing: "
            f"--missing {quoted(text)}"
        )

    def too_big(self, block: Block) -> DataError:
        """The error for a table that memory should not be filled with."""
        most = max(range(len(self.names)), key=lambda i: len(self.columns[i].codes))
        different = len(self.columns[most].codes)
        rows = sum(map(len, self.lines))
        hint = (
            f"column {quoted(self.names[most])} alone holds {different:,} different texts: leave "
            "it out, or "
            if different > 0.5 * rows
            else ""
        )
        return DataError(
            f"{self.file} is too big: at line {block.lines[-1]:,} the table takes more than "
            f"{BUDGET // 1_000_000} MB of memory; {hint}take a sample of its rows, such as every "
            "tenth: awk 'NR % 10 == 1' big.csv > sample.csv"
        )


def _kept(series: pd.Series) -> bool:
    """Whether pandas left a column as numbers or as the texts that stood there."""
    if series.dtype.kind in "iuf":
        return True
    first = series.first_valid_index()
    return first is None or isinstance(series[first], str)
