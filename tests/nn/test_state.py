"""Saving and loading: what went in comes out bit for bit, and what does not fit changes nothing."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backlit import nn
from backlit.engine import ones, tensor
from backlit.nn.tensorfile import DTYPES

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(
    lambda name: name != "__metadata__"
)
arrays = st.sampled_from([np.dtype(dtype) for dtype in DTYPES.values()]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("state")


@settings(deadline=None)
@given(state=st.dictionaries(names, arrays, max_size=5), metadata=st.dictionaries(names, names))
def test_what_went_in_comes_out(folder, state, metadata):
    path = folder / "any.safetensors"
    nn.save(path, state, metadata)
    assert nn.read_metadata(path) == metadata
    back = nn.load(path)
    assert list(back) == list(state)
    for name, array in state.items():
        assert back[name].shape == array.shape
        assert back[name].dtype == array.dtype
        assert back[name].numpy().tobytes() == array.tobytes()


@settings(deadline=None)
@given(array=hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=3, min_side=2)))
def test_arrays_of_any_layout_and_byte_order_are_written_right(folder, array):
    forms = {
        "fortran": np.asfortranarray(array),
        "transposed": array.T,
        "strided": array[::-1, ::2],
        "big endian": array.astype(">f4"),
    }
    nn.save(folder / "layout.safetensors", forms)
    for name, value in nn.load(folder / "layout.safetensors").items():
        assert value.numpy().tobytes() == forms[name].astype("<f4").tobytes()


def test_a_model_comes_back_in_place(tmp_path):
    first, second = nn.MLP([3, 4, 2]), nn.MLP([3, 4, 2])
    addresses = [p.numpy().ctypes.data for p in second.parameters()]
    nn.save(tmp_path / "m.safetensors", first)
    assert nn.load(tmp_path / "m.safetensors", second) is second
    assert [p.numpy().ctypes.data for p in second.parameters()] == addresses
    x = ones((1, 3))
    assert first(x).tolist() == second(x).tolist()


def test_a_model_that_does_not_fit_is_told_apart_and_left_alone(tmp_path):
    path = tmp_path / "m.safetensors"
    nn.save(path, nn.MLP([3, 4, 2]))
    other = nn.MLP([3, 5, 2])
    before = {name: value.tolist() for name, value in other.state_dict().items()}
    with pytest.raises(nn.StateError, match=r"m\.safetensors") as caught:
        nn.load(path, other)
    assert "shape of 0.weight: (4, 3) given, (5, 3) needed" in str(caught.value)
    assert {name: value.tolist() for name, value in other.state_dict().items()} == before


def test_tensors_can_be_saved_by_name(tmp_path):
    path = tmp_path / "t.safetensors"
    nn.save(path, {"a": tensor([1, 2]), "b": tensor(0.5, requires_grad=True), "c": np.array(True)})
    back = nn.load(path)
    assert [(t.dtype.name, t.tolist()) for t in back.values()] == [
        ("int64", [1, 2]),
        ("float32", 0.5),
        ("bool", True),
    ]
    assert not back["b"].requires_grad


def test_the_numbers_begin_at_multiples_of_their_size(tmp_path):
    path = tmp_path / "t.safetensors"
    state = {"a": np.ones(3, np.uint8), "b": np.ones(1), "c": np.ones(1, np.float32)}
    nn.save(path, state)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    assert list(header) == ["a", "b", "c"]
    assert all(header[n]["data_offsets"][0] % state[n].itemsize == 0 for n in header)


@pytest.mark.parametrize(
    ("what", "metadata", "message"),
    [
        ({1: np.ones(1)}, None, "must be a str"),
        ({"\ud800": np.ones(1)}, None, "Unicode"),
        ({"__metadata__": np.ones(1)}, None, "cannot name"),
        ({"a": np.ones(1, np.complex64)}, None, "complex64"),
        ({"a": np.ones(1, np.float16)}, None, "float16"),
        ({"a": np.array(["x"])}, None, "dtype"),
        ({"a": np.array([None])}, None, "dtype"),
        ({"a": np.ones(1)}, {"epoch": 3}, "must be a str"),
        ({"a": np.ones(1)}, {3: "epoch"}, "must be a str"),
    ],
)
def test_what_the_format_lacks_is_refused_before_anything_is_written(
    tmp_path, what, metadata, message
):
    path = tmp_path / "t.safetensors"
    path.write_text("old")
    with pytest.raises(nn.StateError, match=message):
        nn.save(path, what, metadata)
    assert path.read_text() == "old"


@pytest.mark.parametrize("what", [[np.ones(1)], np.ones(1), {"a": [1.0]}, {"a": {"b": np.ones(1)}}])
def test_only_modules_and_flat_dicts_are_saved(tmp_path, what):
    with pytest.raises(TypeError):
        nn.save(tmp_path / "t.safetensors", what)


def test_missing_files_and_folders_are_os_errors_with_the_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors"):
        nn.load(tmp_path / "nowhere.safetensors")
    with pytest.raises(FileNotFoundError, match=r"no/m\.safetensors.*") as caught:
        nn.save(tmp_path / "no" / "m.safetensors", nn.Linear(1, 1))
    assert "nothing was written" in str(caught.value)
    with pytest.raises(IsADirectoryError):
        nn.load(tmp_path)


def test_not_a_number_survives(tmp_path):
    nn.save(tmp_path / "t.safetensors", {"a": np.array([math.nan, math.inf, -0.0])})
    values = nn.load(tmp_path / "t.safetensors")["a"].numpy()
    assert np.isnan(values[0])
    assert np.signbit(values[2])
