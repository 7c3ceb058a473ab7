"""A model of the next character: from the last few characters of a name to the probabilities of the
next, trained on a list of strings. It writes new ones, and says how much it has understood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ... import nn
from ...engine import Generator, Tensor, cross_entropy, no_grad, softmax, tanh, tensor
from ...study.text import number
from ..errors import DataError, UsageError
from .descent import CHUNK, Descent, descend

LONGEST = 200
"""Characters of a string that are read."""

LARGEST = 1000
"""Different characters that a model may know."""


class NextCharacter(nn.Module):
    """Contexts (rows, context) of character numbers to logits (rows, characters): the characters'
    embeddings side by side, a hidden layer of tanh, and one output for each character; with 0 as
    the border of a string. Bengio, Ducharme, Vincent, Jauvin 2003.
    """

    def __init__(
        self, characters: int, context: int, features: int = 10, hidden: int = 100,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.context = context
        self.features = features
        self.table = nn.Embedding(characters, features, generator=generator)
        self.hidden = nn.Linear(context * features, hidden, generator=generator)
        self.output = nn.Linear(hidden, characters, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.table(x).reshape(x.shape[0], self.context * self.features)
        return self.output(tanh(self.hidden(seen)))


@dataclass(frozen=True)
class Characters:
    """A trained model of strings. Losses are natural logarithms per character, with their ends
    counted as characters; exp of one is the perplexity, the number of characters among which the
    model is as unsure as a fair die. `test` is measured on strings that were used for nothing else.
    """

    model: NextCharacter
    alphabet: str
    """The characters, in the order of their codes; number 0 is the border."""
    validation: float
    test: float
    uniform: float
    """ln of the number of characters, the border counted: what knowing nothing gives."""
    bigram: float
    """On the test strings, of counts of pairs (one added to each) in the training strings."""
    gain_error: float
    """The standard error, over test strings, of `bigram` less `test`."""
    sizes: tuple[int, int, int]
    """Strings to learn from, to stop by, to test with."""
    strings: frozenset[str]
    """All that it was given."""
    descent: Descent

    @property
    def perplexity(self) -> float:
        """exp of the test loss."""
        return math.exp(self.test)

    @property
    def better(self) -> bool:
        """Whether it beats the counts of pairs by two standard errors."""
        return self.bigram - self.test > 2 * self.gain_error

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in words."""
        gain = self.bigram - self.test
        beside = f"the model's is {number(abs(gain), 2)} {'lower' if gain > 0 else 'higher'}, ± "
        beside += number(2 * self.gain_error, 2)
        verdict = (
            "more than the last character was understood"
            if self.better
            else "no sign that more than the last character was understood"
        )
        return (
            f"{sum(self.sizes):,} different strings of {len(self.alphabet)} characters: learned "
            f"from {self.sizes[0]:,}, stopped by {self.sizes[1]:,}, tested with {self.sizes[2]:,}.",
            f"Test loss {self.test:.3f} per character, a perplexity of {self.perplexity:.1f}; "
            f"knowing nothing gives {self.uniform:.3f} (ln {len(self.alphabet) + 1}), a perplexity "
            f"of {len(self.alphabet) + 1}.",
            f"Counts of pairs of characters give {self.bigram:.3f}; {beside}: {verdict}.",
            self.descent.sentence,
        )

    def probabilities(self, text: str) -> dict[str, float]:
        """Of each character how likely it is next after `text`; "" is the end.

        Raises UsageError for a character that the model does not know.
        """
        numbers = [0] * self.model.context + [self._number(c) for c in text]
        found = _next(self.model, np.array([numbers[-self.model.context :]]))[0]
        return dict(zip(["", *self.alphabet], found.tolist(), strict=True))

    def sample(self, n: int, seed: int = 0, longest: int = 30) -> list[str]:
        """Write `n` strings; the same seed, the same strings. None is longer than `longest`."""
        if n < 0:
            raise UsageError(f"a number of strings is at least 0, not {n}")
        rng = np.random.default_rng(seed)
        context = np.zeros((n, self.model.context), np.int64)
        written: list[list[str]] = [[] for _ in range(n)]
        open_ = np.arange(n)
        for _ in range(longest):
            if not len(open_):
                break
            sums = _next(self.model, context[open_]).cumsum(1)
            drawn = (sums < rng.random((len(open_), 1)) * sums[:, -1:]).sum(1)
            for k, code in zip(open_, drawn, strict=True):
                if code:
                    written[k].append(self.alphabet[code - 1])
            context[open_] = np.column_stack([context[open_, 1:], drawn])
            open_ = open_[drawn > 0]
        return ["".join(letters) for letters in written]

    def new(self, samples: Sequence[str]) -> list[str]:
        """Those of some strings that the model was not given."""
        return [text for text in samples if text not in self.strings]

    def _number(self, character: str) -> int:
        place = self.alphabet.find(character)
        if place < 0:
            raise UsageError(f"the model does not know {character!r}, only {self.alphabet!r}")
        return place + 1


def _next(model: NextCharacter, contexts: np.ndarray) -> np.ndarray:
    """Probabilities (rows, characters) float64 after contexts (rows, context)."""
    with no_grad():
        return softmax(model(tensor(contexts))).numpy().astype(np.float64)


def characters(
    strings: Sequence[str], context: int = 4, seed: int = 0, epochs: int = 60, lr: float = 2e-3,
) -> Characters:  # fmt: skip
    """Learn what comes next in strings, from the `context` characters before, 1 to 16.

    Equal strings count once, so that no test string has been learned from. Of the others 80 % are
    learned from, 10 % decide when to stop, 10 % are the test.

    Raises DataError for fewer than 10 different strings or more than 1,000 characters, UsageError
    where something is no string.

    >>> found = characters([a + b + a for a in "abcdefgh" for b in "xyz"], epochs=30)
    >>> found.test < found.bigram < found.uniform
    True
    >>> found.sample(2, seed=1) == found.sample(2, seed=1)
    True
    """
    if not 1 <= context <= 16:
        raise UsageError(f"a context of 1 to 16 characters, not {context}")
    if isinstance(strings, str):
        raise UsageError("characters() wants a list of strings, not one; text.split() makes one")
    for text in strings:
        if not isinstance(text, str):
            raise UsageError(f"characters() wants strings; {text!r} is a {type(text).__name__}")
    kept = [text[:LONGEST] for text in dict.fromkeys(strings) if text]
    if len(kept) < 10:
        raise DataError(f"10 different strings are the least to learn from, not {len(kept)}")
    alphabet = "".join(sorted(set("".join(kept))))
    if len(alphabet) > LARGEST:
        raise DataError(f"{len(alphabet)} different characters, {LARGEST} are the most")
    place = {c: k for k, c in enumerate(alphabet, 1)}
    order = np.random.default_rng(seed).permutation(len(kept))
    tenth = max(1, round(len(kept) / 10))
    parts = order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth]
    train, validation, test = (
        _windows([[place[c] for c in kept[k]] for k in sorted(part)], context) for part in parts
    )
    model = NextCharacter(len(alphabet) + 1, context, generator=Generator(seed))

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(model(x), y)

    descent = descend(model, loss, train, validation, seed=seed, lr=lr, batch_size=64,
                      epochs=epochs, patience=5)  # fmt: skip
    own = _losses(model, test)
    pairs = _bigram(train, test, len(alphabet) + 1)
    ends = np.cumsum(test[1] == 0) - (test[1] == 0)  # the number of each place's string
    apart = np.bincount(ends, pairs - own - (pairs - own).mean())
    return Characters(
        model, alphabet, descent.validation, float(own.mean()), math.log(len(alphabet) + 1),
        float(pairs.mean()), float(np.sqrt((apart**2).sum())) / len(own),
        (len(parts[0]), len(parts[1]), len(parts[2])), frozenset(strings), descent,
    )  # fmt: skip


def _windows(texts: list[list[int]], context: int) -> tuple[np.ndarray, np.ndarray]:
    """Each place of each text, its end too: the characters before (rows, context), the next."""
    before, after = [], []
    for numbers in texts:
        padded = np.array([0] * context + numbers + [0])
        before.append(np.lib.stride_tricks.sliding_window_view(padded[:-1], context))
        after.append(padded[context:])
    return np.concatenate(before), np.concatenate(after)


def _losses(model: NextCharacter, data: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The loss of each character."""
    with no_grad():
        found = [
            cross_entropy(
                model(tensor(data[0][begin : begin + CHUNK])),
                tensor(data[1][begin : begin + CHUNK]),
                reduction="none",
            ).numpy()
            for begin in range(0, len(data[1]), CHUNK)
        ]
    return np.concatenate(found).astype(np.float64)


def _bigram(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], characters: int
) -> np.ndarray:
    """The loss of each character by what pairs tell, each counted once more than it was seen."""
    counts = np.ones((characters, characters))
    np.add.at(counts, (train[0][:, -1], train[1]), 1)
    shares = counts / counts.sum(1, keepdims=True)
    return -np.log(shares[test[0][:, -1], test[1]])
