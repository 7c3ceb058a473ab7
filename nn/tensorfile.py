"""The safetensors format: a JSON header that says which bytes are which tensor, then the bytes.
Nothing in such a file is executed, and a reader believes nothing before it has checked it.
"""

from __future__ import annotations

import io
import json
import math
import os
import reprlib
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, NoReturn

import numpy as np

from .parameters import StateError, as_array

DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
METADATA = "__metadata__"
HEADER_LIMIT = 16 * 2**20  # bytes; some 150,000 tensors

shown = reprlib.Repr()  # names come from files: escaped, and cut where they are long
shown.maxstring = 100


# ---- writing: 8 bytes of header length, a JSON header, the numbers -----------------------------


def encoded(state: Mapping[str, Any], metadata: Mapping[str, str] | None) -> Iterator[Any]:
    """The chunks of the file. Everything is checked before the first is made."""
    arrays = {}
    for name, value in state.items():
        check_text("a tensor's name", name)
        if name == METADATA:
            raise StateError(f"{METADATA!r} cannot name a tensor")
        array = as_array(name, value)
        little = array.dtype.newbyteorder("<")
        if little not in NAMES:
            raise StateError(f"{name!r} has the dtype {array.dtype}, which is not saved")
        arrays[name] = np.asarray(array, dtype=little, order="C")
    header: dict[str, Any] = {}
    if metadata is not None:
        for key, text in metadata.items():
            check_text("a key of metadata", key)
            check_text(f"metadata[{key!r}]", text)
        header[METADATA] = dict(metadata)
    # the widest first, so that each begins at a multiple of its item size without gaps
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    ends = list(accumulate((arrays[name].nbytes for name in order), initial=0))
    offsets = {name: [ends[i], ends[i + 1]] for i, name in enumerate(order)}
    for name, array in arrays.items():
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": offsets[name],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > HEADER_LIMIT:
        raise StateError(f"the header would take {len(text):,} bytes; {HEADER_LIMIT:,} are allowed")
    return iter([len(text).to_bytes(8, "little"), text, *(arrays[name] for name in order)])


def check_text(what: str, text: object) -> None:
    if not isinstance(text, str):
        raise StateError(f"{what} must be a str, got {shown.repr(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise StateError(f"{what} is not valid Unicode: {shown.repr(text)}") from error


# ---- reading: nothing is believed before it is checked -----------------------------------------


def read_arrays(file: io.BufferedReader, path: str) -> dict[str, np.ndarray]:
    """The arrays of a file in the order of its header."""
    header = read_header(file, path)
    header.pop(METADATA, None)
    begin = file.tell()
    arrays = {}
    for name, (dtype, shape, offset) in header.items():
        array = np.empty(shape, dtype)
        file.seek(begin + offset)
        if array.nbytes and file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:
            broken(path, f"it ended inside {shown.repr(name)}; is it being written?")
        if dtype == np.bool_ and array.view(np.uint8).max(initial=0) > 1:
            broken(path, f"{shown.repr(name)} is BOOL and holds bytes other than 0 and 1")
        arrays[name] = array.astype(dtype.newbyteorder("="), copy=False)
    return arrays


def read_header(file: io.BufferedReader, path: str) -> dict[str, Any]:
    """The header: name -> (dtype, shape, offset), and the metadata as texts, all checked."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        broken(path, f"its header should end at byte {8 + length:,} and the file has {size:,}")
    if length > HEADER_LIMIT:
        broken(path, f"its header takes {length:,} bytes; {HEADER_LIMIT:,} are allowed")
    text = file.read(length)
    if not text.startswith(b"{"):
        broken(path, "its header is not a JSON object")
    try:
        entries = json.loads(
            text.decode(),
            object_pairs_hook=without_duplicates,
            parse_constant=refused,
            parse_float=refused,
        )
    except (ValueError, RecursionError) as error:
        broken(path, f"its header is not valid: {error or 'nested too deeply'}")
    header: dict[str, Any] = {}
    spans = []
    for name, entry in entries.items():
        try:
            check_text("a name", name)
            if name == METADATA:
                header[name] = checked_metadata(entry)
            else:
                header[name], span = checked_entry(name, entry)
                spans.append(span)
        except StateError as error:
            broken(path, str(error))
    end = 0
    for first, last, name in sorted(spans):
        if first != end:
            broken(
                path, f"{shown.repr(name)} begins at {first:,}, the one before it ends at {end:,}"
            )
        end = last
    if end != size - 8 - length:
        broken(path, f"its tensors take {end:,} bytes and {size - 8 - length:,} are there")
    return header


def checked_metadata(entry: object) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise StateError("its metadata is not an object")
    for key, text in entry.items():
        check_text("a key of metadata", key)
        check_text(f"metadata[{shown.repr(key)}]", text)
    return entry


def checked_entry(name: str, entry: object) -> tuple[Any, tuple[int, int, str]]:
    """(dtype, shape, offset) and the span of bytes of one tensor's entry."""
    label = shown.repr(name)
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise StateError(f"the entry of {label} must have dtype, shape and data_offsets alone")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise StateError(
            f"{label} has the dtype {shown.repr(dtype)}; known are {', '.join(DTYPES)}"
        )
    for what, numbers in (("shape", shape), ("data_offsets", offsets)):
        if not isinstance(numbers, list) or not all(map(is_size, numbers)):
            raise StateError(f"the {what} of {label} must be a list of integers from 0")
    if len(offsets) != 2:
        raise StateError(f"the data_offsets of {label} must be two integers")
    itemsize = DTYPES[dtype].itemsize
    if len(shape) > 32 or math.prod(max(n, 1) for n in shape) * itemsize >= 2**63:
        raise StateError(f"the shape of {label} is beyond what an array can have")
    first, last = offsets
    if last - first != math.prod(shape) * itemsize:
        raise StateError(
            f"{label} has the shape {tuple(shape)} in {dtype}, which takes "
            f"{math.prod(shape) * itemsize:,} bytes, and its offsets span {last - first:,}"
        )
    return (DTYPES[dtype], tuple(shape), first), (first, last, name)


def is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63  # type(): in JSON true is an int as well


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for name, value in pairs:
        if name in entries:
            raise ValueError(f"{shown.repr(name)} stands there twice")
        entries[name] = value
    return entries


def refused(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is not an integer")


def broken(path: str, why: str) -> NoReturn:
    raise StateError(f"{path} is not a readable safetensors file: {why}")
