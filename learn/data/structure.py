"""The strict pass over a file of cells: lines become records, quotes are followed across lines,
cells are counted. What is wrong with the file's form is told by line here, before any parsing.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from ..errors import DataError, UsageError
from .words import quoted

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
BLOCK = 1 << 22  # characters read at once
LONGEST = 1 << 20  # characters of a record with a cell in quotes
SAMPLE = 100  # records that the separator is told by
KINDS = {
    b"PK\x03\x04": "an Excel sheet or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel sheet",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"SQLite": "an SQLite database",
}


@dataclass
class Block:
    """Some records: their texts, the lines they begin in, and how many cells each has."""

    records: list[str]
    lines: list[int]
    counts: list[int]


def opened(path: Path, encoding: str) -> TextIOWrapper:
    """The file as text, unpacked if it is gzip, with all ends of lines as one newline.

    Raises DataError for files that are another format, UsageError for an unknown encoding.
    """
    try:
        codec = codecs.lookup(encoding).name
        "".encode(codec)
    except (LookupError, TypeError, ValueError):
        raise UsageError(
            f"there is no encoding {quoted(encoding)}; usual are utf-8, latin-1, cp1252, utf-16"
        ) from None
    with path.open("rb") as raw:
        start = raw.read(8)
    for magic, kind in KINDS.items():
        if start.startswith(magic):
            raise DataError(
                f"{quoted(path.name)} is {kind}, not a table in text; save it as CSV there"
            )
    if codec == "utf-8":
        codec = "utf-8-sig"  # takes files with and without a byte order mark
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError(
                f"{quoted(path.name)} is UTF-16 (its first two bytes say so), not UTF-8; "
                'read it with --encoding utf-16 (in Python: encoding="utf-16")'
            )
    return TextIOWrapper(unpacked(path), encoding=codec, errors="strict", newline=None)


def unpacked(path: Path) -> IO[bytes]:
    """The file's bytes; those inside, if it is gzip, whatever its name."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def text_lines(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """The lines in blocks: the number of the first one (from 1), and the lines without their ends.

    Raises DataError for bytes that are not in that encoding, NUL bytes, and broken gzip files.
    """
    number, rest = 1, ""
    try:
        with opened(path, encoding) as stream:
            while text := stream.read(BLOCK):
                *lines, rest = (rest + text).split("\n")
                if "\0" in text:
                    nul = next((i for i, one in enumerate(lines) if "\0" in one), len(lines))
                    raise DataError(
                        f"{quoted(path.name)}, line {number + nul}: a NUL byte; this is not text, "
                        "or another encoding (--encoding utf-16?)"
                    )
                if len(rest) > 16 * BLOCK:
                    raise DataError(
                        f"{quoted(path.name)}, line {number + len(lines)} has more than "
                        f"{len(rest):,} characters; this is no table in lines"
                    )
                yield number, lines
                number += len(lines)
    except UnicodeDecodeError:
        raise undecodable(path, encoding) from None
    except UnicodeError as error:  # a codec of several bytes that meets nonsense
        raise DataError(f"{quoted(path.name)} is not {encoding}: {error}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{quoted(path.name)} is broken as a gzip file ({error}); fetch or pack it again"
        ) from None
    if rest:
        yield number, [rest]


def undecodable(path: Path, encoding: str) -> DataError:
    """The error for the first bytes that the encoding does not allow: line, column, byte."""
    try:
        seen = 0
        with unpacked(path) as raw:
            for number, line in enumerate(raw, 1):
                try:
                    line.decode(encoding)
                except UnicodeDecodeError as error:
                    before = line[: error.start]
                    separator = max(SEPARATORS, key=lambda one: line.count(one.encode()))
                    return DataError(
                        f"{quoted(path.name)}, line {number}, column "
                        f"{before.count(separator.encode()) + 1}: byte 0x{line[error.start]:02x} "
                        f"(byte {seen + error.start:,} of the text) is not {encoding}; if the file "
                        "comes from Excel or an older program, read it with --encoding latin-1 "
                        '(in Python: encoding="latin-1"), or save it as UTF-8'
                    )
                seen += len(line)
    except UnicodeError:
        pass
    return DataError(f"{quoted(path.name)} is not {encoding}; name its encoding with --encoding")


def scan(line: str, separator: str, open_: bool) -> tuple[int, bool, int]:
    """Follow the cells of a line that has quotes in it.

    `open_` says that the line begins inside of quotes. Gives the number of separators that stand
    between cells, whether a quote is open at the end, and where text follows a closing quote
    (-1 where none does). A quote inside a cell that did not begin with one is a character.

    >>> scan('a,"b,c",d', ",", False)
    (2, False, -1)
    >>> scan('a,"b', ",", False)
    (1, True, -1)
    """
    at = ended = 0
    while True:
        if not open_:
            while line.startswith(" ", at):
                at += 1
            if line.startswith('"', at):
                open_ = True
                at += 1
        if open_:
            while True:
                at = line.find('"', at)
                if at < 0:
                    return ended, True, -1
                if not line.startswith('""', at):
                    break
                at += 2
            open_ = False
            after = line.find(separator, at + 1)
            between = line[at + 1 : after if after >= 0 else len(line)]
            if between.strip(" "):
                return ended, False, at + 1
        else:
            after = line.find(separator, at)
        if after < 0:
            return ended, False, -1
        ended += 1
        at = after + 1


def closed(line: str, separator: str) -> int:
    """What `scan` counts, quickly, if all quotes of a line are those around cells, or written
    twice; -1 where it takes a closer look.

    >>> closed('a,"b,""c",d', ","), closed('a,5" pipe', ",")
    (2, -1)
    """
    parts = line.split('"')
    if len(parts) % 2 == 0:
        return -1
    outside = parts[::2]
    for place, part in enumerate(outside):
        bare = part.strip(" ")
        if bare == "":
            if part and 0 < place < len(outside) - 1:
                return -1  # a space between two quotes
            continue
        if place > 0 and bare[0] != separator:
            return -1
        if place < len(outside) - 1 and bare[-1] != separator:
            return -1
    return sum(part.count(separator) for part in outside)


def records(path: Path, encoding: str, separator: str) -> Iterator[Block]:
    """The file's records in blocks, empty lines left out.

    Raises DataError for a quote that never closes and for text behind a closing quote.
    """
    pending: list[str] = []
    begun = ended = length = 0
    for first, lines in text_lines(path, encoding):
        block = Block([], [], [])
        for number, line in enumerate(lines, first):
            if not pending:
                if '"' not in line:
                    if line.strip(" "):
                        block.records.append(line)
                        block.lines.append(number)
                        block.counts.append(line.count(separator) + 1)
                    continue
                begun, ended, length = number, 0, 0
            more, still_open, wrong = -1, False, -1
            if not pending:
                more = closed(line, separator)
            if more < 0:
                more, still_open, wrong = scan(line, separator, bool(pending))
            pending.append(line)
            ended += more
            length += len(line) + 1
            if wrong >= 0:
                across = f", where a quote from line {begun} closes" if number > begun else ""
                raise DataError(
                    f"{quoted(path.name)}, line {number}, cell {ended + 1}{across}: "
                    f"{quoted(line[wrong : wrong + 20])} follows a closing quote; a quote inside "
                    'of quotes is written twice (""), and the next cell needs a separator'
                )
            if still_open and length > LONGEST:
                raise unclosed(path, begun)
            if not still_open:
                block.records.append("\n".join(pending))
                block.lines.append(begun)
                block.counts.append(ended + 1)
                pending = []
        yield block
    if pending:
        raise unclosed(path, begun)


def unclosed(path: Path, line: int) -> DataError:
    """The error for a quote that never closes."""
    return DataError(
        f"{quoted(path.name)}, line {line}: a quote opens here and never closes; close it, or "
        'write a quote that is meant as a character as two inside of quotes: "5"" pipe"'
    )


def separator_of(path: Path, encoding: str) -> str:
    """The separator that cuts most of the first lines into as many cells as the first of them.

    Of several the one that cuts into most cells; a comma where none cuts anything.
    """
    sample: list[str] = []
    for _, lines in text_lines(path, encoding):
        sample = [line for line in lines if line.strip(" ")][: SAMPLE + 1]
        if sample:
            break

    def fitness(separator: str) -> tuple[float, int]:
        counts = []
        open_ = False
        for line in sample:
            if '"' not in line and not open_:
                counts.append(line.count(separator))
                continue
            more, now_open, _ = scan(line, separator, open_)
            if open_:
                counts[-1] += more
            else:
                counts.append(more)
            open_ = now_open
        if not counts or counts[0] == 0:
            return 0.0, 0
        return Counter(counts)[counts[0]] / len(counts), counts[0]

    return max(SEPARATORS, key=fitness) if sample else ","


def cells(record: str, separator: str) -> list[str]:
    """The cells of one record that `records` gave, however long, without spaces around.

    >>> cells('a, "b;c";"d""e" ;', ";")
    ['a, "b', 'c"', 'd"e', '']
    """
    made = []
    at = 0
    while True:
        while record.startswith(" ", at):
            at += 1
        text = ""
        if record.startswith('"', at):
            begun = at + 1
            at = record.find('"', begun)
            while record.startswith('""', at):
                at = record.find('"', at + 2)
            text = record[begun:at].replace('""', '"')
            at += 1
        end = record.find(separator, at)
        rest = record[at : end if end >= 0 else len(record)]
        made.append((text + rest).strip(" "))
        if end < 0:
            return made
        at = end + 1
