"""A next-character model: trained on 5,000 first names, it makes up ten that it has not seen.

The model of Bengio et al. (2003), at the size of Karpathy's makemore: the last four characters
become vectors, a hidden layer reads them, a softmax says what may come next. Names end with a dot,
so it learns how long they are. Run it with `python examples/names.py`.
"""

import math

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.learn import load

CONTEXT, WIDTH, HIDDEN = 4, 12, 96
ALPHABET = ".abcdefghijklmnopqrstuvwxyz"

# Names that both sexes bear stand in the table twice: once each, or validation would hold copies.
names = sorted({name.lower() for name in load("names").frame["name"]})
np.random.default_rng(0).shuffle(names)


def examples(names):
    """The contexts (n, CONTEXT) and the character that came next (n,), as numbers."""
    contexts, nexts = [], []
    for name in names:
        text = "." * CONTEXT + name + "."
        for i in range(len(name) + 1):
            contexts.append([ALPHABET.index(c) for c in text[i : i + CONTEXT]])
            nexts.append(ALPHABET.index(text[i + CONTEXT]))
    return np.array(contexts), np.array(nexts)


x, y = examples(names[500:])
x_validation, y_validation = examples(names[:500])

bl.manual_seed(0)
characters = nn.Embedding(len(ALPHABET), WIDTH)
network = nn.MLP([CONTEXT * WIDTH, HIDDEN, len(ALPHABET)])
optimizer = optim.Adam([*characters.parameters(), *network.parameters()], lr=3e-3)


def logits(contexts):
    return network(characters(contexts).flatten(1))


@bl.replay
def step(contexts, nexts):
    loss = F.cross_entropy(logits(contexts), nexts)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


# What pairs of characters know: counts, and one more of each, so that no pair is impossible.
pairs = np.ones((len(ALPHABET), len(ALPHABET)))
np.add.at(pairs, (x[:, -1], y), 1)
pairs /= pairs.sum(1, keepdims=True)
bigram = -np.log(pairs[x_validation[:, -1], y_validation]).mean()

print(f"{len(names)} names, 500 of them left out. The surprise at each character of those:")
print(f"  {math.log(len(ALPHABET)):.3f}  guessing among {len(ALPHABET)} characters")
print(f"  {bigram:.3f}  knowing the character before")
for epoch in range(12):
    step.run(x, y, batch_size=256, epochs=1, shuffle=True)
    with bl.no_grad():
        loss = F.cross_entropy(logits(x_validation), y_validation).item()
    if epoch % 4 == 3:
        print(f"  {loss:.3f}  the network in epoch {epoch + 1}")
print(f"It is as unsure of what comes next as a die with {math.exp(loss):.1f} sides.\n")
assert loss < bigram < math.log(len(ALPHABET))

rng, known, new = np.random.default_rng(1), set(names), []
while len(new) < 10:
    text = "." * CONTEXT
    while len(text) == CONTEXT or (text[-1] != "." and len(text) < 20):
        context = np.array([[ALPHABET.index(c) for c in text[-CONTEXT:]]])
        chances = F.softmax(logits(context), 1).numpy()[0].astype(float)
        text += ALPHABET[rng.choice(len(ALPHABET), p=chances / chances.sum())]
    name = text.strip(".")
    if len(name) > 2 and name not in known:
        new.append(name.title())
print(f"Ten names that are not in the list: {', '.join(new)}")
