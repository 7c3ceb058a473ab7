"""The next-character model: closed forms for its baselines, languages with a known answer, samples
that a seed decides, and what it must refuse.
"""

import math

import numpy as np
import pytest

from backlit.learn.errors import DataError, UsageError
from backlit.learn.models.characters import _bigram, _windows, characters


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def words(count: int, letters: str = "abcdefgh", seed: int = 0) -> list[str]:
    """Different strings in which no character, nor the end, depends on those before."""
    draw = rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(draw.choice(list(letters), draw.geometric(0.1)))] = None
    return list(found)


PALINDROMES = [a + b + b + a for a in "abcdefghijkl" for b in "abcdefghijkl"]


def test_windows_are_all_places_and_the_ends():
    before, after = _windows([[1, 2], [3]], 3)
    assert before.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 2], [0, 0, 0], [0, 0, 3]]
    assert after.tolist() == [1, 2, 0, 3, 0]


def test_counts_of_pairs_by_hand():
    train = _windows([[1, 1], [1, 2]], 2)
    test = _windows([[1]], 2)
    # After the border: 1 twice. After 1: 1, 2 and the end once each. One more for each of three.
    found = _bigram(train, test, 3)
    np.testing.assert_allclose(found, [-math.log(3 / 5), -math.log(2 / 6)])


def test_more_than_pairs_is_learned_where_there_is_more():
    found = characters(PALINDROMES, context=4, seed=1, epochs=120)
    assert found.better
    assert found.test < 0.75 * found.bigram < found.uniform
    assert found.uniform == pytest.approx(math.log(13))
    assert found.perplexity == pytest.approx(math.exp(found.test))
    assert "more than the last character was understood" in " ".join(found.sentences)
    next_ = found.probabilities("ab")
    assert sum(next_.values()) == pytest.approx(1, abs=1e-5)
    assert set(next_) == {"", *"abcdefghijkl"}


def test_nothing_is_claimed_where_pairs_are_all_there_is():
    found = characters(words(250), context=3)
    assert not found.better
    assert "no sign that more" in " ".join(found.sentences)


def test_the_same_seed_writes_the_same():
    names = PALINDROMES + words(40)
    first, second = (characters(names, seed=3, epochs=6) for _ in range(2))
    assert first.test == second.test
    assert first.descent == second.descent
    for seed in (0, 1):
        assert first.sample(30, seed) == second.sample(30, seed)
    assert first.sample(30, 0) != first.sample(30, 1)
    assert first.sample(0) == []
    assert all(len(text) <= 5 for text in first.sample(50, longest=5))
    new = first.new([*names, "never seen"])
    assert new == ["never seen"]


def test_samples_follow_the_probabilities():
    found = characters(words(60, "ab"), context=2, epochs=3)
    next_ = found.probabilities("")
    begins = [text[:1] for text in found.sample(4000, seed=0)]
    for character, share in next_.items():
        assert begins.count(character) / 4000 == pytest.approx(share, abs=0.03)


def test_equal_strings_stand_in_one_part_only():
    found = characters(PALINDROMES * 3 + [""], epochs=2)
    assert sum(found.sizes) == len(PALINDROMES)
    assert found.sizes[1:] == (14, 14)


def test_any_characters():
    strange = [a + "\n\u202e" + b + "🂡" for a in "abcd" for b in "xyz"] + ["\0" * 500]
    found = characters(strange, epochs=2)
    assert "🂡" in found.alphabet
    assert len(found.sample(3)) == 3


@pytest.mark.parametrize(
    ("strings", "context", "error", "told"),
    [
        (["a"] * 50, 4, DataError, "10 different strings are the least to learn from, not 1"),
        ([], 4, DataError, "not 0"),
        ("a text", 4, UsageError, "a list of strings, not one"),
        (["a", 3], 4, UsageError, "3 is a int"),
        (PALINDROMES, 0, UsageError, "context of 1 to 16"),
        ([chr(200 + k) for k in range(1200)], 4, DataError, "1200 different characters"),
    ],
)
def test_what_cannot_be_learned(strings, context: int, error: type[Exception], told: str):
    with pytest.raises(error, match=told):
        characters(strings, context)


def test_a_character_that_is_not_known():
    found = characters(PALINDROMES, epochs=1)
    with pytest.raises(UsageError, match="does not know 'Z'"):
        found.probabilities("aZ")
    with pytest.raises(UsageError, match="at least 0"):
        found.sample(-1)
