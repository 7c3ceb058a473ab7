"""Random draws: the published answers of Philox, a plain version of it as oracle, states that go
on where they stood, and numbers that look as their distribution says.
"""

import json
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from backlit.engine import (
    Generator,
    bernoulli,
    default_generator,
    dropout,
    manual_seed,
    normal,
    ones,
    permutation,
    uniform,
)
from backlit.engine.kernels import random as kernels
from backlit.engine.kernels.door import door

from .common import DTYPES, F32, F64, examples, grads, leaf

WORD = (1 << 32) - 1


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox 4x32-10 as the paper has it: ten rounds of two products, the key bumped between."""
    c, k = list(counter), list(key)
    for _ in range(10):
        left, right = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [right >> 32 ^ c[1] ^ k[0], right & WORD, left >> 32 ^ c[3] ^ k[1], left & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


ANSWERS = [  # counter, key, words: Random123's kat_vectors, philox4x32 10
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([WORD] * 4, [WORD] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0],
     [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
]  # fmt: skip


@pytest.mark.parametrize(("counter", "key", "words"), ANSWERS)
def test_the_oracle_gives_the_published_answers(counter, key, words):
    assert philox(counter, key) == words


@pytest.mark.parametrize("answer", ANSWERS[:2])
def test_the_kernel_gives_the_published_answers(answer):
    """All counters 0, and all ones: the block 2**64 - 1 is -1, four numbers before the pointer."""
    (counter, key, words) = answer
    state = np.array([key[0] | key[1] << 32, counter[2] | counter[3] << 32], np.uint64)
    block = -1 if counter[0] else 0
    out = np.zeros(8, F32)
    first = out[4:]
    address = kernels.uniform_kernel.address(F32)
    count = 4 if block == 0 else 0
    assert door(address, "aai")(block, block + 1, first, state, count) == 0
    found = out[4 + 4 * block :][:4]
    np.testing.assert_array_equal(found, [(w >> 8) / 2**24 for w in words])


@examples(40)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 2), st.integers(1, 23))
def test_numbers_are_philoxs(key: int, draws: int, n: int):
    """Element i of draw k is a function of (key, k, i): 24 bits of a word, or 53 of two."""
    g = Generator()
    words = []
    for block in range(6):
        words += philox([block, 0, draws & WORD, draws >> 32], [key & WORD, key >> 32])
    for dtype in (F32, F64):
        g.load_state({"key": key, "draws": draws})
        found = uniform((n,), generator=g, dtype=dtype).numpy()
        if dtype == F32:
            expected = [(w >> 8) / 2**24 for w in words]
        else:
            pairs = zip(words[::2], words[1::2], strict=True)
            expected = [((a >> 5) * 2**26 + (b >> 6)) / 2**53 for a, b in pairs]
        np.testing.assert_array_equal(found[:12], expected[: min(n, 12)])
        assert g.state() == {"key": key, "draws": draws + 1}


@DTYPES
@pytest.mark.parametrize("draw", [uniform, normal])
def test_a_longer_draw_begins_with_the_shorter(draw, dtype):
    """An element depends on its index alone, so neither blocks nor threads change it."""
    long = draw((5000,), generator=Generator(3), dtype=dtype).numpy()
    for n in (0, 1, 2, 3, 5, 4097):
        short = draw((n,), generator=Generator(3), dtype=dtype)
        assert short.dtype == dtype
        np.testing.assert_array_equal(short.numpy(), long[:n])
    square = draw((50, 100), generator=Generator(3), dtype=dtype)
    np.testing.assert_array_equal(square.numpy().reshape(-1), long)


def test_states_go_on_where_they_stood():
    """A state is plain integers: it goes through JSON into a checkpoint and back."""
    g = Generator(7)
    uniform((3,), generator=g)
    saved = json.loads(json.dumps(g.state()))
    first = [uniform((5,), generator=g).tolist(), permutation(9, generator=g).tolist()]
    g.load_state(saved)
    assert first == [uniform((5,), generator=g).tolist(), permutation(9, generator=g).tolist()]
    other = Generator()
    other.load_state(saved)
    assert uniform((5,), generator=other).tolist() == first[0]


@pytest.mark.parametrize(
    "state",
    [{}, {"key": 1}, *({"key": key, "draws": 0} for key in (-1, 2**64, "1", 1.0, None))],
)
def test_what_is_no_state(state):
    g = Generator(1)
    before = g.state()
    with pytest.raises(ValueError, match="state"):
        g.load_state(state)
    assert g.state() == before


def test_seeds():
    """Near seeds give unrelated streams; any integer is a seed."""
    draws = [uniform((100,), generator=Generator(s)).numpy() for s in (0, 1, 2, -1, 10**30)]
    for i, a in enumerate(draws):
        for b in draws[:i]:
            assert abs(np.corrcoef(a, b)[0, 1]) < 0.4
            assert not np.array_equal(a, b)
    assert "key=0x" in repr(Generator(5))


def test_manual_seed_and_the_default_generator():
    g = manual_seed(5)
    assert default_generator() is g
    a = uniform((4,)).tolist()
    b = uniform((4,)).tolist()
    assert a != b
    manual_seed(5)
    assert [uniform((4,)).tolist(), uniform((4,)).tolist()] == [a, b]


def test_each_thread_has_a_default_generator_of_its_own():
    manual_seed(1)
    found = []

    def work():
        found.append(uniform((3,)).tolist())
        manual_seed(2)

    before = default_generator()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert default_generator() is before
    assert before.state()["draws"] == 0
    assert found == [uniform((3,), generator=Generator(0)).tolist()]


@DTYPES
def test_distributions(dtype):
    """Kolmogorov and Smirnov, with a fixed seed: a wrong kernel fails by orders of magnitude."""
    g = Generator(11)
    u = uniform((20_000,), generator=g, dtype=dtype).numpy()
    assert u.min() >= 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    z = normal((20_000,), generator=g, dtype=dtype).numpy()
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(z[::2], z[1::2])[0, 1]) < 0.03  # Box and Muller's pairs
    assert abs(stats.kurtosis(z)) < 0.2
    shifted = normal((20_000,), 3.0, 2.0, generator=g, dtype=dtype)
    assert shifted.dtype == dtype
    assert stats.kstest(shifted.numpy(), "norm", (3, 2)).pvalue > 1e-3
    wide = uniform((20_000,), -2.0, 3.0, generator=g, dtype=dtype).numpy()
    assert -2 <= wide.min() < wide.max() <= 3
    assert stats.kstest(wide, "uniform", (-2, 5)).pvalue > 1e-3
    hits = bernoulli((20_000,), 0.3, generator=g)
    assert hits.dtype == np.bool_
    assert abs(hits.numpy().mean() - 0.3) < 0.015
    assert not bernoulli((100,), 0.0, generator=g).numpy().any()
    assert bernoulli((100,), 1.0, generator=g).numpy().all()


@pytest.mark.parametrize("n", [0, 1, 2, 10, 1000])
def test_permutations(n: int):
    p = permutation(n, generator=Generator(4))
    assert p.dtype == np.int64
    assert sorted(p.tolist()) == list(range(n))


def test_permutations_are_even():
    g = Generator(9)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(3000):
        order = tuple(permutation(3, generator=g).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    with pytest.raises(ValueError, match="permutation"):
        permutation(-1)


@pytest.mark.parametrize("shape", [(), 5, (0,), (2, 0), (3, 4), [2, 2], (np.int64(3),)])
def test_shapes_of_draws(shape):
    size = tuple(np.zeros(shape).shape)
    assert uniform(shape).shape == normal(shape).shape == bernoulli(shape).shape == size
    for draw in (uniform, normal):
        with pytest.raises(ValueError, match=r"negative|shape"):
            draw((-1,))


@DTYPES
def test_dropout(dtype):
    """What is kept is scaled up, so that the expectation stays and evaluation changes nothing."""
    x = leaf(np.ones((100, 200)), dtype)
    out = dropout(x, 0.25, generator=Generator(6))
    values = out.numpy()
    assert out.dtype == dtype
    kept = values != 0
    np.testing.assert_allclose(values[kept], 1 / 0.75, rtol=1e-6)
    assert abs(kept.mean() - 0.75) < 0.01
    np.testing.assert_array_equal(grads(out.sum(), x)[0], values)
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0) is x
    assert dropout(x, 1.0).numpy().max() == 0
    same = dropout(x, 0.25, generator=Generator(6))
    np.testing.assert_array_equal(same.numpy(), values)
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="dropout"):
            dropout(x, p)


def test_draws_are_constants():
    assert not uniform((3,)).requires_grad
    assert (uniform((3,)) * ones(3)).primitive is None
