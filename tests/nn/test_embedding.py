"""Embedding, F.embedding and F.one_hot: NumPy and PyTorch as oracles, gradients of gradients,
errors that name the index, replay bit for bit, in epochs too.
"""

import copy
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import Tensor, gradcheck, gradients, tensor
from backlit.engine.kernels import lookup
from backlit.engine.kernels.build import F32
from backlit.engine.kernels.rows import ready

FEW = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def leaf(shape: tuple[int, ...], dtype: Any = np.float32) -> Tensor:
    return tensor(np.random.default_rng(0).normal(size=shape), dtype=dtype, requires_grad=True)


def test_rows_and_their_gradient_are_numpys():
    table = leaf((5, 3))
    index = np.array([[0, 4, 4], [2, 0, 4]])
    out = F.embedding(tensor(index), table)
    np.testing.assert_array_equal(out.numpy(), table.numpy()[index])
    upstream = np.random.default_rng(1).normal(size=out.shape).astype(np.float32)
    (out * tensor(upstream)).sum().backward()
    expected = np.zeros((5, 3), np.float32)
    np.add.at(expected, index, upstream)
    assert table.grad is not None
    np.testing.assert_array_equal(table.grad.numpy(), expected)


@FEW
@given(st.integers(1, 9), st.integers(0, 5), st.lists(st.integers(0, 1000), max_size=40),
       st.sampled_from([np.int8, np.uint8, np.int32, np.int64]), st.booleans())  # fmt: skip
def test_any_sizes_and_integer_types(
    rows: int, columns: int, numbers: list[int], dtype: Any, strided: bool
):
    index = (np.array(numbers, int) % rows).astype(dtype)
    table = leaf((rows, columns), np.float64)
    given_ = tensor(np.repeat(index, 2))[::2] if strided else tensor(index)
    out = F.embedding(given_, table)
    np.testing.assert_array_equal(out.numpy(), table.numpy()[index])
    (grad,) = gradients(out, table, np.ones(out.shape))
    assert grad is not None
    counts = np.bincount(index, minlength=rows)
    np.testing.assert_array_equal(grad.numpy(), np.repeat(counts[:, None], columns, 1))


def test_a_table_may_be_any_view_and_have_any_number_of_axes():
    table = leaf((3, 6), np.float64)
    index = tensor([5, 0, 5])
    np.testing.assert_array_equal(
        bl.embedding(table.T, index).numpy(), table.numpy().T[index.numpy()]
    )
    one = leaf((4,), np.float64)
    assert bl.embedding(one, [[1, 3]]).shape == (1, 2)
    cube = leaf((4, 2, 3), np.float64)
    assert gradcheck(lambda x: bl.embedding(x, [[1, 3], [1, 0]]).square(), [cube])
    assert gradcheck(lambda x: bl.embedding(x.T, [1, 2, 1]).square(), [table])


@pytest.mark.parametrize("padding", [None, 0, 2, -1])
def test_gradients_of_gradients_by_finite_differences(padding: int | None):
    index = tensor([[0, 2, 2], [3, 1, 2]])
    table = leaf((4, 2), np.float64)

    def slope(x: Tensor) -> Tensor:
        with bl.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            out = F.embedding(index, x, padding).tanh() ** 3
            (g,) = gradients(out.sum(), x, create_graph=True)
            assert g is not None
            return (g * g).sum()

    if padding is None:
        assert gradcheck(slope, [table])
    (second,) = gradients(slope(table), table)
    assert second is not None
    if padding is not None:
        np.testing.assert_array_equal(second.numpy()[padding], 0)


def test_padding_is_read_and_never_learns():
    layer = nn.Embedding(4, 3, padding_idx=-1)
    assert layer.padding_idx == 3
    np.testing.assert_array_equal(layer.weight.numpy()[3], 0)
    opt = optim.SGD(layer.parameters(), lr=1.0)
    before = layer.weight.numpy().copy()
    layer(tensor([3, 0, 3])).sum().backward()
    opt.step()
    np.testing.assert_array_equal(layer.weight.numpy()[1:], before[1:])
    np.testing.assert_array_equal(layer.weight.numpy()[0], before[0] - 1)


@pytest.mark.parametrize(
    ("index", "told"),
    [
        ([0, 7], r"index\[1\] is 7, but the table has 5 rows, 0 to 4: are they counted from 1"),
        ([[0, 1], [-1, 9]], r"index\[1, 0\] is -1, but the table has 5 rows.*do not count from"),
        (5, r"index\[\] is 5, but the table has 5 rows"),
    ],
)
def test_an_index_that_is_no_row_is_named(index: Any, told: str):
    model = nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 2))
    with pytest.raises(IndexError, match=told) as caught:
        model(tensor(index))
    assert "in module 0" in str(caught.value)


def test_what_is_no_index_or_no_table():
    with pytest.raises(TypeError, match=r"indices are integers, not float32; write .*astype"):
        nn.Embedding(5, 2)(tensor([1.0]))
    with pytest.raises(TypeError, match="not bool"):
        nn.Embedding(5, 2)(tensor([True]))
    with pytest.raises(ValueError, match="must be rows of floats"):
        bl.embedding(tensor([1, 2]), [0])
    with pytest.raises(ValueError, match="must be rows of floats"):
        bl.embedding(tensor(1.0), [0])
    with pytest.raises(IndexError, match="but the table has 0 rows, none"):
        bl.embedding(tensor(np.zeros((0, 2))), [0])
    with pytest.raises(IndexError, match="padding_idx is 5, but the table has 5 rows"):
        F.embedding(tensor([0]), leaf((5, 2)), 5)
    with pytest.raises(ValueError, match="padding_idx is -6, but there are 5 rows"):
        nn.Embedding(5, 2, padding_idx=-6)
    with pytest.raises(ValueError, match="num_embeddings must be at least 1"):
        nn.Embedding(0, 2)
    with pytest.raises(TypeError, match="embedding_dim must be an int"):
        nn.Embedding(5, 2.0)  # type: ignore[arg-type]


def test_it_starts_standard_normal_as_its_generator_says():
    drawn = nn.Embedding(300, 40, generator=bl.Generator(3)).weight.numpy()
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02
    again = nn.Embedding(300, 40, generator=bl.Generator(3)).weight.numpy()
    np.testing.assert_array_equal(drawn, again)
    assert repr(nn.Embedding(5, 2, 0)).startswith("Embedding(5, 2, padding_idx=0)")


def test_an_index_changed_after_the_lookup_is_found():
    table, index = leaf((3, 2)), tensor([0, 1])
    out = F.embedding(index, table).sum()
    with bl.no_grad():
        index.fill_(2)
    with pytest.raises(bl.engine.GraphError):
        out.backward()


@pytest.mark.parametrize("cuts", [[0, 100], [0, 1, 50, 100], [*range(101)]])
def test_a_range_cut_anywhere_gives_the_same_bits(cuts: list[int]):
    """What threads do: each sums rows of its own, in the order of the indices."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(3000, 7)) * 10.0 ** rng.integers(-6, 6, (3000, 1))).astype(np.float32)
    index = rng.integers(0, 100, 3000)
    whole, _ = lookup.add_rows(x, index, 100, -1)
    out = np.empty_like(whole)
    enter = ready(lookup.add_rows_kernel, F32, "aaaiiii")
    for begin, end in itertools.pairwise(cuts):
        assert enter(begin, end, out, x, index, 7, 100, 3000, -1) == 0
    np.testing.assert_array_equal(out, whole)
    expected = np.zeros((100, 7))
    np.add.at(expected, index, x.astype(float))
    np.testing.assert_allclose(whole, expected, rtol=1e-4, atol=1e-2)


def test_replay_has_the_same_bits_on_any_number_of_threads():
    index = np.random.default_rng(0).integers(0, 6000, 20_000)
    before = bl.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            bl.set_num_threads(threads)
            table = leaf((6000, 40))

            @bl.replay
            def step(x: Tensor, table: Tensor = table) -> Tensor:
                out = F.embedding(x, table).square().mean()
                table.grad = None
                out.backward()
                return out

            for _ in range(3):
                step(tensor(index))
            assert table.grad is not None
            found.append(table.grad.numpy().copy())
    finally:
        bl.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


class Names(nn.Module):
    """Three numbers to one class: an embedding, an MLP, and a table of biases, all of them read."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 4, padding_idx=0)
        self.body = nn.MLP([12, 16, 5])
        self.bias = nn.Parameter(np.zeros(50))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.body(self.table(x).reshape(x.shape[0], 12))
        return hidden + bl.embedding(self.bias, x).sum(1, keepdims=True) * hidden


def data(rows: int = 70) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 50, (rows, 3))
    return X, X.sum(1) % 5


def make() -> tuple[Names, Any]:
    bl.manual_seed(0)
    model = Names()
    opt = optim.Adam(model.parameters(), lr=1e-2)

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return model, step


def test_replay_has_the_bits_of_eager_and_needs_no_python():
    X, y = data(32)
    eager, step = make()
    losses = [step(tensor(X), tensor(y)).item() for _ in range(12)]
    model, step = make()
    fast = bl.replay(step)
    assert [fast(tensor(X), tensor(y)).item() for _ in range(12)] == losses
    for a, b in zip(eager.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert fast.program is not None
    assert fast.program.native


@pytest.mark.parametrize("batch_size", [16, 70])
def test_epochs_have_the_bits_of_eager(batch_size: int):
    X, y = data()
    eager, step = make()
    for _ in range(4):
        for xb, yb in nn.batches(X, y, batch_size=batch_size, shuffle=True):
            step(xb, yb)
    model, step = make()
    fast = bl.replay(step)
    history = fast.run(X, y, batch_size=batch_size, epochs=4, shuffle=True)
    assert len(history) == 4
    for a, b in zip(eager.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_replayed_step_names_the_index_and_changes_nothing():
    X, y = data(32)
    model, step = make()
    fast = bl.replay(step)
    for _ in range(3):
        fast(tensor(X), tensor(y))
    before = copy.deepcopy(model.state_dict())
    bad = X.copy()
    bad[5, 1] = 50
    with pytest.raises(IndexError, match=r"index\[5, 1\] is 50, but the table has 50 rows"):
        fast(tensor(bad), tensor(y))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name].numpy())
    with pytest.raises(IndexError, match=r"index\[5, 1\] is 50"):
        fast.run(bad, y, batch_size=32, epochs=2)


def test_one_table_used_twice_and_tied_to_the_output():
    table = leaf((6, 3), np.float64)
    index = tensor([1, 4, 1])
    assert gradcheck(
        lambda w: F.cross_entropy(F.linear(F.embedding(index, w).tanh(), w), tensor([4, 1, 0])),
        [table],
    )


def test_one_hot():
    index = np.random.default_rng(0).integers(0, 5, (3, 4))
    found = F.one_hot(tensor(index), 5)
    np.testing.assert_array_equal(found.numpy(), np.eye(5, dtype=int)[index])
    assert found.dtype == np.int64
    assert F.one_hot(tensor([0, 2])).shape == (2, 3)
    assert F.one_hot(tensor(np.zeros((0, 2), int)), 3).shape == (0, 2, 3)
    with pytest.raises(IndexError, match=r"one_hot: index\[1\] is 3, but num_classes gives 3"):
        F.one_hot(tensor([0, 3]), 3)
    with pytest.raises(ValueError, match="give num_classes"):
        F.one_hot(tensor(np.zeros(0, int)))
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        F.one_hot(tensor([0]), 0)
    with pytest.raises(TypeError, match="integers"):
        F.one_hot(tensor([0.0]))


def test_one_hot_replays_with_the_number_of_classes():
    w = leaf((4, 2))

    def f(x: Tensor) -> Tensor:
        return F.one_hot(x, 4).astype(np.float32) @ w

    fast = bl.replay(f)
    for k in range(4):
        x = tensor([k, 0])
        np.testing.assert_array_equal(fast(x).numpy(), w.numpy()[[k, 0]])
    assert fast.program is not None
    assert fast.program.native
    with pytest.raises(bl.engine.ReplayError, match="one_hot without num_classes"):
        bl.replay(lambda x: F.one_hot(x))(tensor([1, 2]))


@pytest.mark.peers
@pytest.mark.parametrize("padding", [None, 2, -5])
def test_against_torch(padding: int | None):
    torch = pytest.importorskip("torch")
    ours, theirs = nn.Embedding(5, 3, padding), torch.nn.Embedding(5, 3, padding)
    assert ours.padding_idx == theirs.padding_idx
    assert list(ours.state_dict()) == list(theirs.state_dict())
    weight = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    ours.load_state_dict({"weight": weight})
    theirs.load_state_dict({"weight": torch.tensor(weight)})
    index = np.array([[0, 2, 2], [4, 0, 2]])
    mine, other = ours(tensor(index)), theirs(torch.tensor(index))
    np.testing.assert_array_equal(mine.numpy(), other.detach().numpy())
    (mine**2).sum().backward()
    (other**2).sum().backward()
    assert ours.weight.grad is not None
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), rtol=1e-6)
    for bad in ([5], [-1]):
        with pytest.raises(IndexError):
            theirs(torch.tensor(bad))
        with pytest.raises(IndexError):
            ours(tensor(bad))
    np.testing.assert_array_equal(
        F.one_hot(tensor(index), 5).numpy(),
        torch.nn.functional.one_hot(torch.tensor(index), 5).numpy(),
    )
