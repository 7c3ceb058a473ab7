"""Malformed files: every lie that a header can tell is one StateError, before any allocation.
Where nothing in particular is wrong with a fuzzed file, it may load, but never more than it holds.
"""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit import nn

GOOD = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


def container(header, data=b"\0" * 8, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(**changes):
    return {"a": {**GOOD["a"], **changes}}


BROKEN = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "length beyond the file": container(GOOD, length=10_000),
    "length of all ones": container(GOOD, length=2**64 - 1),
    "header cut": container(GOOD)[:20],
    "data cut": container(GOOD)[:-1],
    "data added": container(GOOD) + b"\0",
    "no header": container(b""),
    "not JSON": container(b"{nonsense}"),
    "a list": container([1]),
    "leading space": container(b" " + json.dumps(GOOD).encode()),
    "not UTF-8": container(b'{"\xff": 1}'),
    "NaN": container(b'{"a": NaN}', b""),
    "Infinity": container(b'{"a": -Infinity}', b""),
    "deep": container(b'{"a":' + b"[" * 200_000, b""),
    "digits": container(b'{"a":' + b"9" * 10_000 + b"}", b""),
    "surrogate": container(b'{"\\ud800": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'),
    "duplicate name": container(
        b'{"a": {"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b' "a": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    ),
    "duplicate field": container(
        b'{"a": {"dtype":"F32","dtype":"F64","shape":[2],"data_offsets":[0,8]}}'
    ),
    "entry is a number": container({"a": 3}),
    "field missing": container({"a": {"dtype": "F32", "shape": [2]}}),
    "field added": container(entry(code="import os")),
    "dtype unknown": container(entry(dtype="BF16")),
    "dtype no text": container(entry(dtype=["F32"])),
    "dtype of objects": container(entry(dtype="O")),
    "shape negative": container(entry(shape=[-2])),
    "shape no list": container(entry(shape=2)),
    "shape of floats": container(entry(shape=[2.0])),
    "shape of truths": container(entry(shape=[2, True])),
    "shape of text": container(entry(shape=["2"])),
    "shape too large": container(entry(shape=[3])),
    "shape too small": container(entry(shape=[1])),
    "shape gigantic": container(entry(shape=[2**40, 2**40])),
    "shape gigantic but empty": container(
        {"a": {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}}, b""
    ),
    "shape long": container(entry(shape=[1] * 10_000 + [2])),
    "offsets reversed": container(entry(data_offsets=[8, 0])),
    "offsets negative": container(entry(data_offsets=[-8, 0])),
    "offsets of three": container(entry(data_offsets=[0, 4, 8])),
    "offsets of one": container(entry(data_offsets=[8])),
    "offsets gigantic": container(entry(data_offsets=[2**70, 2**70 + 8])),
    "beyond the end": container(entry(data_offsets=[8, 16])),
    "hole at the start": container(entry(data_offsets=[4, 12]), b"\0" * 12),
    "hole": container(
        {**GOOD, "b": {"dtype": "F32", "shape": [1], "data_offsets": [12, 16]}}, b"\0" * 16
    ),
    "overlap": container(
        {**GOOD, "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, b"\0" * 12
    ),
    "the same bytes twice": container({**GOOD, "b": GOOD["a"]}),
    "metadata no object": container({**GOOD, "__metadata__": ["x"]}),
    "metadata no text": container({**GOOD, "__metadata__": {"x": 1}}),
    "metadata nested": container({**GOOD, "__metadata__": {"x": {"y": "z"}}}),
    "bool of 2": container({"a": {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 2]}}, b"\1\2"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_malformed_file_is_one_clear_error(tmp_path, case):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(BROKEN[case])
    with pytest.raises(
        nn.StateError, match=r"bad\.safetensors is not a readable safetensors file: ."
    ) as caught:
        nn.load(path)
    assert len(str(caught.value)) < 2_000


def test_a_header_beyond_the_limit_is_not_even_read(tmp_path):
    path = tmp_path / "big.safetensors"
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", 50_000_000))
        file.truncate(50_000_008)  # sparse: takes no space
    with pytest.raises(nn.StateError, match="header takes 50,000,000 bytes"):
        nn.load(path)


def test_hostile_names_are_escaped_and_cut(tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(container({"\x1b[2J\n" + "a" * 100_000: 3}))
    with pytest.raises(nn.StateError) as caught:
        nn.load(path)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_padding_and_order_of_the_data_are_free(tmp_path):
    path = tmp_path / "good.safetensors"
    header = {
        "b": {"dtype": "U8", "shape": [], "data_offsets": [8, 9]},
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "none": {"dtype": "F64", "shape": [0, 3], "data_offsets": [9, 9]},
    }
    data = np.array([1, 2], "<f4").tobytes() + b"\7"
    path.write_bytes(container(json.dumps(header).encode() + b"   ", data))
    assert {name: value.tolist() for name, value in nn.load(path).items()} == {
        "b": 7,
        "a": [1, 2],
        "none": [],
    }


WHOLE = container(
    {
        "__metadata__": {"k": "v"},
        "layer.weight": {"dtype": "F64", "shape": [2, 1], "data_offsets": [0, 16]},
        "flag": {"dtype": "BOOL", "shape": [3], "data_offsets": [16, 19]},
    },
    bytes(16) + b"\1\0\1",
)


@settings(deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4
    ),
    end=st.integers(0, len(WHOLE)) | st.just(len(WHOLE)),
)
def test_a_fuzzed_file_is_refused_or_holds_no_more_than_it_has(tmp_path_factory, changes, end):
    data = bytearray(WHOLE)
    for position, value in changes:
        data[position] = value
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    path.write_bytes(bytes(data[:end]))
    try:
        loaded = nn.load(path)
    except nn.StateError:
        return
    assert sum(value.numpy().nbytes for value in loaded.values()) < len(data)
