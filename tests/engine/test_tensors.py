"""Tensors as arrays: how they are made, which types they take, how they meet Python and NumPy, and
what each hostile input is told.
"""

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import backlit.engine as engine
from backlit.engine import (
    BacklitError,
    DtypeError,
    GraphError,
    ShapeError,
    Tensor,
    arange,
    concatenate,
    full,
    no_grad,
    ones,
    ones_like,
    registry,
    scope,
    stack,
    tensor,
    where,
    zeros,
    zeros_like,
)

from .common import DTYPES, F32, F64, grads, leaf, python

# -- making


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, F32), (1, np.int64), (True, np.bool_), ([1.0, 2.0], F32), ([], F32), ([[]], F32),
        ([1, 2], np.int64), ([True, False], np.bool_), ([1, 2.5], F32), (np.float64(2), F32),
        (np.float16(2), F32), (np.longdouble(2), F32), (np.int32(2), np.int32),
        (np.arange(3, dtype=np.uint8), np.uint8), (np.ones((2, 3)), F32),
        (np.ma.array([1.0, 2.0]), F32), (range(3), np.int64), (1e300, F32), (2**63, np.uint64),
    ],
)  # fmt: skip
def test_data_becomes_a_tensor(data: Any, dtype: Any):
    """Floats become float32, integers and truths stay: they are constants."""
    t = tensor(data)
    assert t.dtype == dtype
    assert t.shape == np.shape(data)
    assert t.is_leaf
    assert not t.requires_grad
    assert type(t.data) is np.ndarray


def test_tensor_copies():
    x = np.ones(3, F32)
    for made in (tensor(x), tensor(tensor(x)), tensor(x, "float32"), tensor(x[::-1])):
        assert not np.shares_memory(made.data, x)
        assert made.data.flags.c_contiguous
    t = tensor(x)
    x[:] = 5
    assert t.tolist() == [1, 1, 1]


@DTYPES
def test_makers(dtype: np.dtype):
    assert tensor([1, 2], dtype).dtype == dtype
    for made, value in (
        (zeros((2, 3), dtype), 0), (ones((2, 3), dtype), 1), (full((2, 3), 7, dtype), 7),
        (zeros_like(ones((2, 3), dtype)), 0), (ones_like(zeros((2, 3), dtype)), 1),
    ):  # fmt: skip
        assert (made.dtype, made.shape) == (dtype, (2, 3))
        assert np.all(made.numpy() == value)
    assert zeros(3).shape == (3,)
    assert zeros(()).item() == 0
    assert arange(3).tolist() == [0, 1, 2]
    assert arange(0.0, 1.0, 0.5).dtype == F32
    assert arange(3, dtype=dtype).dtype == dtype


HOSTILE = [
    (None, DtypeError), ("abc", DtypeError), (b"abc", DtypeError), (["a"], DtypeError),
    (1j, DtypeError), (np.array([1j]), DtypeError), (2**70, DtypeError), ([2**70], DtypeError),
    ([[1, 2], [3]], ShapeError), ([1, [2, 3]], ShapeError), ([1, None], DtypeError),
    (object(), DtypeError), (np.array([None]), DtypeError), ({1, 2}, DtypeError),
    ({"a": 1}, DtypeError), ((i for i in range(3)), DtypeError), (np.zeros((1,) * 33), ShapeError),
    (np.array(["2020-01-01"], "M8[D]"), DtypeError), (np.zeros(2, [("a", "f4")]), DtypeError),
    (operator.add, DtypeError),
]  # fmt: skip


@pytest.mark.parametrize(("data", "error"), HOSTILE, ids=lambda x: type(x).__name__)
def test_what_is_no_array_of_numbers_is_refused(data: Any, error: type):
    with pytest.raises(error) as caught:
        tensor(data)
    assert isinstance(caught.value, BacklitError)


@pytest.mark.parametrize("dtype", ["float16", "longdouble", "complex64", "S3", "O", "M8[D]"])
def test_types_that_tensors_do_not_have(dtype: str):
    for make in (lambda: tensor([1.0], dtype), lambda: ones(2).astype(dtype),
                 lambda: zeros(2, dtype), lambda: engine.uniform((2,), dtype=dtype)):  # fmt: skip
        with pytest.raises(TypeError):
            make()


def test_random_numbers_are_floats():
    for draw in (engine.uniform, engine.normal):
        with pytest.raises(DtypeError):
            draw((2,), dtype="int32")


# -- types of numbers meet


@DTYPES
@pytest.mark.parametrize(
    "other",
    [2, 2.0, True, np.float64(2), np.float32(2), np.sqrt(4), np.int64(2), np.array(2.0),
     np.array([2.0]), np.array([2.0], F32), [2.0], np.array([2])],
    ids=repr,
)  # fmt: skip
def test_what_meets_a_tensor_takes_its_type(other: Any, dtype: np.dtype):
    """NumPy 2 says np.float64(2) * float32 is float64; a network must not change type by that."""
    t = leaf([3.0], dtype)
    value = np.asarray(other, F64).reshape(-1)[0]
    for op in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
        for out, expected in ((op(t, other), op(3.0, value)), (op(other, t), op(value, 3.0))):
            assert isinstance(out, Tensor)
            assert out.dtype == dtype
            assert out.requires_grad
            np.testing.assert_allclose(out.numpy().reshape(-1)[0], expected, rtol=1e-6)


BINARY = ["add", "sub", "mul", "div", "power", "maximum", "minimum", "matmul"]


@pytest.mark.parametrize("name", BINARY)
def test_float32_beside_float64_is_an_error(name: str):
    """A silent float64 costs twice the time and memory; the message says how to convert."""
    function = getattr(engine, name)
    with pytest.raises(DtypeError, match="astype"):
        function(ones(3), ones(3, "float64"))


def test_other_ops_do_not_mix_floats_either():
    x, y = ones((2, 2)), ones((2, 2), "float64")
    for act in (lambda: where(x > 0, x, y), lambda: concatenate([x, y]), lambda: stack([x, y]),
                lambda: engine.linear(x, y), lambda: engine.mse_loss(x, y), lambda: x < y,
                lambda: engine.pair_sum(x, y)):  # fmt: skip
        with pytest.raises(BacklitError, match=r"float32.*float64"):
            act()


def test_integers_beside_floats_become_floats():
    assert (tensor([1, 2]) + tensor([0.5, 0.5])).dtype == F32
    assert (tensor([1, 2]) + 0.5).dtype == F32
    assert (tensor([True]) * leaf([2.0])).dtype == F64
    assert (tensor([1, 2]) * 2).dtype == np.int64
    assert (tensor([1, 2]) / tensor([2, 2])).tolist() == [0.5, 1]
    assert tensor([1, 2]).mean().dtype == F32
    assert tensor([True, True]).sum().item() == 2
    assert tensor([1, 4]).sqrt().dtype == F32


@pytest.mark.parametrize("act", [
    lambda: tensor([True]) - tensor([True]), lambda: -tensor([True]),
    lambda: tensor([2]) ** tensor([-1]),
])  # fmt: skip
def test_arithmetic_that_numpy_refuses(act: Any):
    with pytest.raises(DtypeError, match="astype"):
        act()


def test_truths():
    """Comparisons give truths, and & | ~ combine them."""
    x = tensor([-1.0, 0.5, 3.0])
    assert ((x > 0) & (x < 1)).tolist() == [False, True, False]
    assert ((x < 0) | (x > 1)).tolist() == [True, False, True]
    assert (~(x > 0)).tolist() == [True, False, False]
    assert (x == x).tolist() == [True] * 3
    assert (x != 3).tolist() == [True, True, False]
    assert (x < 2).tolist() == [True, True, False]
    assert (x >= tensor([-1.0, 1.0, 3.0])).tolist() == [True, False, True]
    assert ((x > 0) & leaf([1.0, 0.0, 1.0], F32)).dtype == np.bool_


CONDITIONS = ["1", "0", "1.5", "True", "[1, 0]", "tensor(1)", "tensor(0.0)", "tensor([1, 0])",
              "np.int64(1)", "np.array([[0], [2]])"]  # fmt: skip


def test_where_takes_any_condition():
    """In a process of its own: a scalar that reached native code as no array crashed Python."""
    code = "import numpy as np\nfrom backlit.engine import tensor, where\n" + "\n".join(
        f"print(where({c}, tensor([1.0, 2.0]), 0.0).tolist(), flush=True)" for c in CONDITIONS
    )
    result = python(code)
    names = {"tensor": np.array, "np": np}
    expected = [str(np.where(eval(c, names), [1.0, 2.0], 0.0).tolist()) for c in CONDITIONS]
    assert result.stdout.splitlines() == expected, result.stderr


@pytest.mark.parametrize("other", [None, "a", 1j, {}, object()])
def test_operators_with_strangers(other: Any):
    for op in (operator.add, operator.sub, operator.matmul, operator.lt):
        with pytest.raises(TypeError):
            op(ones(2), other)
    assert (ones(2) == other) is False
    assert (ones(2) != other) is True


def test_numbers_too_large_for_the_type():
    """float32 ends at 3.4e38: what is beyond is infinite, without a warning, as in the data."""
    assert (ones(1) * 1e300).tolist() == [np.inf]
    assert full((1,), 1e300).tolist() == [np.inf]
    assert tensor([1e300]).tolist() == [np.inf]
    assert (ones(1) * np.float64(-1e300)).tolist() == [-np.inf]


def test_nan_goes_through():
    x = tensor([np.nan, 1.0])
    for out in (x + 1, x.exp(), x.relu(), engine.maximum(x, 0), x.max(), x.sum(), x.mean()):
        assert np.isnan(out.numpy().reshape(-1)[0])


# -- out of the tape


def test_numpy_is_a_live_view_that_cannot_be_written():
    """A write between forward and backward would give the gradient of other numbers."""
    for t in (tensor([1.0, 2.0]), tensor([[1, 2]]).T, tensor([True]), tensor(3.0), zeros((0, 2)),
              tensor([1.0, 2.0])[::-1], ones(2).broadcast_to((3, 2))):  # fmt: skip
        a = t.numpy()
        assert a.shape == t.shape
        assert a.dtype == t.dtype
        assert np.shares_memory(a, t.data) or not t.size
        with pytest.raises(ValueError, match="read-only"):
            a[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            a.flags.writeable = True
        with pytest.raises(ValueError, match="WRITEABLE"):
            a.view().setflags(write=True)
    t = tensor([1.0, 2.0])
    a = t.numpy()
    t.fill_(5)
    assert a.tolist() == [5, 5]


def test_asarray_refuses_to_lose_a_gradient():
    x = leaf([1.0, 2.0])
    for take in (np.asarray, np.array, lambda t: np.asarray(t * 2)):
        with pytest.raises(GraphError, match="detach"):
            take(x)
    np.testing.assert_array_equal(np.asarray(x.detach()), [1, 2])
    np.testing.assert_array_equal(np.array(x.detach(), dtype="float32").dtype, F32)
    copied = np.array(x.detach())
    copied[0] = 9
    assert x.tolist() == [1, 2]
    with no_grad():
        assert x.numpy().tolist() == [1, 2]


def test_detach_shares_the_numbers_and_not_the_history():
    x = leaf([1.0])
    y = (x * 2).detach()
    assert y.is_leaf
    assert not y.requires_grad
    assert np.shares_memory(x.detach().data, x.data)


def test_python_numbers():
    assert float(tensor(1.5)) == 1.5
    assert int(tensor(3)) == 3
    assert [10, 20, 30][tensor(1)] == 20
    assert tensor([[2.5]]).item() == 2.5
    assert tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert f"{tensor(1.25):.1f}" == "1.2"
    assert f"{tensor([1.0])}" == "tensor([1.])"
    with pytest.raises(TypeError):
        [10][tensor(0.0)]
    for convert in (float, int, bool, Tensor.item):
        with pytest.raises(ShapeError, match=r"\(2,\)"):
            convert(ones(2))
    with pytest.raises(ShapeError):
        bool(tensor([]))
    assert bool(tensor([[3]]))
    assert not bool(tensor(0.0))


def test_length_and_iteration():
    x = leaf(np.arange(6.0).reshape(3, 2))
    assert len(x) == 3
    rows = list(x)
    assert [r.tolist() for r in rows] == [[0, 1], [2, 3], [4, 5]]
    assert all(r.requires_grad for r in rows)
    for act in (len, list):
        with pytest.raises((ShapeError, TypeError), match="no length"):
            act(tensor(1.0))


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (lambda: tensor([1.0, 2.5]), "tensor([1. , 2.5])"),
        (lambda: tensor(1), "tensor(1)"),
        (lambda: tensor([True]), "tensor([ True])"),
        (lambda: leaf([1.0], F32), "tensor([1.], requires_grad=True)"),
        (lambda: leaf([1.0]), "tensor([1.], dtype=float64, requires_grad=True)"),
        (lambda: leaf([1.0], F32) * 2, "tensor([2.], from mul)"),
        (lambda: tensor([1], "int32"), "tensor([1], dtype=int32)"),
        (lambda: zeros((0, 2)), "tensor([])"),
    ],
)
def test_reprs(t: Any, text: str):
    assert repr(t()).replace(", shape=(0, 2)", "") == text
    assert len(repr(zeros((1000, 1000)))) < 1000


def test_names_are_kept():
    t = tensor([1.0], name="w")
    assert t.name == "w"
    t.name = "b"
    assert t.name == "b"
    with pytest.raises(AttributeError):
        t.nonsense = 1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        t.nonsense  # noqa: B018


def test_deepcopy_copies_leaves():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    both = copy.deepcopy([x, x])
    twin = both[0]
    assert both[1] is twin
    assert twin.requires_grad
    assert not np.shares_memory(twin.data, x.data)
    assert twin.grad is not None
    assert twin.grad.tolist() == [2, 4]
    assert not np.shares_memory(twin.grad.data, x.grad.data)  # type: ignore[union-attr]
    with pytest.raises(GraphError, match="detach"):
        copy.deepcopy(x * 2)


def test_pickle_says_what_to_use():
    """Pickles run code when they are read; weights are data."""
    with pytest.raises(TypeError, match=r"bl\.save"):
        pickle.dumps(tensor(1.0))


def test_tensors_are_keys_by_identity():
    a, b = ones(2), ones(2)
    assert len({a, b, a}) == 2
    assert {a: 1}[a] == 1


# -- NumPy's functions


UFUNCS = [
    (record.numpy, name)
    for name, record in sorted(registry.items())
    if isinstance(record.numpy, np.ufunc)
]


@pytest.mark.parametrize(("ufunc", "name"), UFUNCS, ids=lambda x: getattr(x, "__name__", x))
def test_numpys_functions_stay_in_the_graph(ufunc: Any, name: str):
    """np.exp(t), and an array on the left, whose operator NumPy tries first."""
    a = np.array([[0.5, 1.5], [0.25, 2.0]])
    if ufunc.nin == 1:
        calls = [((leaf(a),), (a,))]
    else:
        b = a.T + 1
        calls = [((leaf(a), b), (a, b)), ((a, leaf(b)), (a, b)), ((leaf(a), leaf(b)), (a, b))]
    for operands, plain in calls:
        out = ufunc(*operands)
        assert isinstance(out, Tensor)
        expected = ufunc(*plain)
        np.testing.assert_allclose(out.numpy(), expected)
        assert out.requires_grad == (registry[name].rules is not None)


def test_arrays_on_the_left():
    """micrograd and teenygrad give an array of objects here."""
    t = leaf([1.0, 2.0, 3.0])
    a = np.ones(3)
    for out in (a * t, a + t, a - t, a / t, a @ t, np.ones((2, 3)) @ t, a**t):
        assert isinstance(out, Tensor)
        assert out.requires_grad
    assert isinstance(a < t, Tensor)
    assert grads((a * t).sum(), t)[0].tolist() == [1, 1, 1]


def test_numpy_functions_that_backlit_has_not():
    with pytest.raises(TypeError, match=r"np\.sin has no gradient"):
        np.sin(leaf(1.0))
    np.testing.assert_allclose(np.sin(tensor([1.0])), np.sin([1.0]), rtol=1e-6)
    with pytest.raises(TypeError, match="out"):
        np.add(leaf(1.0), 1.0, out=np.zeros(()))
    with pytest.raises(TypeError):
        np.add(np.ones(2), 1.0, out=ones(2))  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        np.add.reduce(leaf([1.0]))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "argmax", "reshape", "transpose",
                                  "concatenate", "squeeze", "where", "stack"])  # fmt: skip
def test_numpy_functions_that_are_no_ufuncs_work_or_say_what_to_use(name: str):
    """np.sum(t): the right numbers, or an error that names backlit; never "keyword argument"."""
    t = leaf([[1.0, 2.0]])
    calls = {
        "reshape": lambda: np.reshape(t, (2, 1)), "concatenate": lambda: np.concatenate([t, t]),
        "where": lambda: np.where([[True, False]], t, t), "stack": lambda: np.stack([t, t]),
    }  # fmt: skip
    told = ""
    try:
        out = calls.get(name, lambda: getattr(np, name)(t))()
    except (TypeError, GraphError) as problem:
        out, told = None, str(problem)
    assert isinstance(out, Tensor) or "backlit" in told


# -- indexing


INDICES: list[Any] = [
    0, -1, np.int64(1), slice(None), slice(1, 3), slice(None, None, -1), slice(3, 0, -2), None, ...,
    (0, 1), (slice(None), 0), (..., 0), (0, ...), (None, 0), (slice(1, 2), None, -1), (),
    [0, 2], [0, 0, -1], [], np.array([1, 2]), np.array([], int), np.array([[0, 1], [2, 3]]),
    ([0, 1], [1, 2]), ([[0], [1]], [0, 2]), (slice(None), [0, 2]), ([0, 1], slice(1, 2)),
    ([0, 1], None, [1, 2]), (0, [0, 1]), ([0, 1], slice(None), 1), (..., [0, 1]), True, False,
    [True, False, True, False], np.array([True, False, True, False]),
    (slice(None), [True, False, True]),
    np.ones((4, 3), bool), np.zeros((4, 3, 2), bool), np.uint8(3), np.array(2), slice(2, 2),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing_is_numpys(index: Any):
    """Every form of index: the values, and the gradient put back where it was read."""
    x = np.arange(24.0).reshape(4, 3, 2)
    expected = x[index]
    t = leaf(x)
    out = t[index]
    assert out.shape == expected.shape
    np.testing.assert_array_equal(out.numpy(), expected)
    weights = np.arange(1.0, 1 + expected.size).reshape(expected.shape)
    (g,) = grads((out * weights).sum(), t)
    back = np.zeros_like(x)
    np.add.at(back, index, weights)
    np.testing.assert_array_equal(g, back)


@pytest.mark.parametrize("index", [0, (0, 1), (0, 1, 1), slice(1, 3), (..., 0), None], ids=repr)
def test_basic_indices_are_views(index: Any):
    """x[0] too: what is written into a view is written into the tensor."""
    x = ones((4, 3, 2))
    part = x[index]
    assert np.shares_memory(part.data, x.data)
    part.fill_(5)
    assert (x.numpy() == 5).sum() == part.size


def test_indices_may_be_tensors():
    x = leaf(np.arange(12.0).reshape(4, 3))
    np.testing.assert_array_equal(x[tensor([0, 2])].numpy(), x.numpy()[[0, 2]])
    np.testing.assert_array_equal(x[x > 5].numpy(), np.arange(6, 12))
    np.testing.assert_array_equal(x[:, tensor([1])].numpy(), x.numpy()[:, [1]])
    assert x[tensor(1)].shape == (3,)
    assert grads(x[[0, 0, 1]].sum(), x)[0].sum(1).tolist() == [6, 3, 0, 0]


@pytest.mark.parametrize("index", [4, -5, (0, 3), [4], [-5], (0, 0, 0), 1.0, "a", [0.5],
                                   [True, False], (..., ...), 10**30, np.ones((4, 2), bool)],
                         ids=repr)  # fmt: skip
def test_what_is_not_there_is_an_index_error(index: Any):
    """JAX clamps to the last row; here row 4 of 4 is an error that names the shape."""
    with scope("table"), pytest.raises(IndexError, match=r"\(4, 3\) in module table") as caught:
        ones((4, 3))[index]
    assert isinstance(caught.value, BacklitError)


def test_assignment_by_index_says_what_to_do():
    with pytest.raises(TypeError):
        ones(3)[0] = 1  # type: ignore[index]


# -- in place


def test_steps_by_hand():
    w = leaf([1.0, 2.0])
    same = w
    with no_grad():
        w += 1
        w -= np.array([0.5, 0.5])
        w *= 2
        w /= tensor([1.0, 2.0], "float64")
    assert w is same
    assert w.tolist() == [3, 2.5]
    with no_grad(), pytest.raises(ShapeError):
        w += np.ones((2, 2))
    k = tensor([1, 2])
    k += 1
    assert k.tolist() == [2, 3]
    with pytest.raises(DtypeError):
        k += 0.5


def test_copy_and_fill():
    x = ones((2, 3))
    assert x.copy_(np.arange(3)) is x
    assert x.tolist() == [[0, 1, 2]] * 2
    assert x.fill_(7).tolist() == [[7] * 3] * 2
    assert x.zero_().tolist() == [[0] * 3] * 2
    x.copy_(x.T.reshape(2, 3))
    with pytest.raises(ShapeError, match="copy_"):
        x.copy_(np.ones(2))
    with pytest.raises(DtypeError, match="copy_"):
        tensor([1]).copy_([0.5])
    with pytest.raises(GraphError, match="cannot be written"):
        ones(1).broadcast_to((3,)).fill_(2)
    y = tensor([1.0, 2.0, 3.0])
    y[1:].copy_(y[:-1])  # overlapping: as if through a copy
    assert y.tolist() == [1, 1, 2]


# -- shapes


def test_shape_functions_agree_with_numpy():
    x = np.arange(24.0).reshape(2, 3, 4)
    t = leaf(x)
    for out, expected in [
        (t.reshape(4, -1), x.reshape(4, -1)), (t.reshape((6, 4)), x.reshape(6, 4)),
        (t.T, x.T), (t.transpose(1, 0, 2), x.transpose(1, 0, 2)),
        (t.swapaxes(0, -1), x.swapaxes(0, -1)),
        (t.transpose((2, 0, 1)), x.transpose(2, 0, 1)), (t.flatten(), x.reshape(-1)),
        (t.flatten(1), x.reshape(2, 12)), (t.expand_dims(-1), x[..., None]),
        (t.expand_dims(1), x[:, None]),
        (t[:, :1].squeeze(1), x[:, 0]), (t[:1, :1].squeeze(), x[0, 0]),
        (t[:1].squeeze(np.int64(0)), x[0]),
        (t.broadcast_to((5, 2, 3, 4)), np.broadcast_to(x, (5, 2, 3, 4))),
        (concatenate([t, t], 1), np.concatenate([x, x], 1)),
        (concatenate([t, t], -1), np.concatenate([x, x], -1)),
        (stack([t, t], 1), np.stack([x, x], 1)), (stack([t, t], -1), np.stack([x, x], -1)),
        (stack([t, t]), np.stack([x, x])),
    ]:  # fmt: skip
        np.testing.assert_array_equal(out.numpy(), expected)
        assert out.requires_grad


@pytest.mark.parametrize("act", [
    lambda t: t.reshape(5, -1), lambda t: t.reshape(-1, -1), lambda t: t.transpose(0, 0, 1),
    lambda t: t.transpose(0, 1), lambda t: t.swapaxes(0, 3), lambda t: t.squeeze(0),
    lambda t: t.squeeze(5), lambda t: t.expand_dims(5), lambda t: t.broadcast_to((3, 4)),
    lambda t: concatenate([t, t[0]]), lambda t: concatenate([t, t[:, :2]]),
    lambda t: concatenate([]), lambda t: concatenate([t], 3), lambda t: stack([]),
    lambda t: stack([t, t[0]]), lambda t: t.sum(3),
    lambda t: t.sum((0, 0)), lambda t: t.mean(-4), lambda t: t.max((0, 3)), lambda t: t.argmax(7),
    lambda t: t.flatten(7), lambda t: zeros((0, 2)).max(), lambda t: zeros((0, 2)).argmax(),
    lambda t: t + ones((2, 2), "float64"), lambda t: where(t > 0, t, ones(5, "float64")),
])  # fmt: skip
def test_shapes_that_do_not_fit_are_shape_errors(act: Any):
    with pytest.raises(ShapeError):
        act(leaf(np.ones((2, 3, 4))))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_axis_has_another_name(name: str):
    """`dim` and `keepdim` are accepted for those who come from PyTorch; the result is the same."""
    x = leaf(np.arange(6.0).reshape(2, 3))
    f = getattr(x, name)
    assert f(dim=1).tolist() == f(axis=1).tolist() == f(1).tolist()
    assert f(1, keepdim=True).shape == f(axis=-1, keepdims=True).shape == (2, 1)
    assert f([0, 1]).shape == ()
    for wrong in ("a", 1.5):
        with pytest.raises(TypeError):
            f(wrong)


def test_functions_take_plain_numbers():
    assert engine.exp([0.0]).tolist() == [1]
    assert engine.add(1.0, [2.0]).tolist() == [3]
    for name in ("sum", "mean", "max", "log_softmax", "softmax", "reshape"):
        told = ""
        try:
            out = getattr(engine, name)([1.0, 1.0], *([-1] if name == "reshape" else []))
        except TypeError as problem:
            out, told = None, str(problem)
        assert isinstance(out, Tensor) or "tensor" in told.lower()
