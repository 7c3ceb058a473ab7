"""A recommender: who likes what, learned from ratings alone, with nothing known about the films.

The ratings are drawn, so that the truth is known: each film has some action and some romance, each
person some liking for both, and luck is added. Run it with `python examples/recommender.py`.
"""

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.learn import load

PEOPLE, FILMS, EACH, LUCK = 300, 120, 30, 0.6
rng = np.random.default_rng(0)
taste, content = rng.normal(size=(PEOPLE, 2)), rng.normal(size=(FILMS, 2))
kind, good = rng.normal(0, 0.3, (PEOPLE, 1)), rng.normal(0, 0.5, FILMS)  # mild judges, good films
wanted = 3.3 + kind + good + 0.7 * taste @ content.T
people = load("names").frame["name"][:PEOPLE]

# Each person has rated 30 films of 120; a rating is a whole number from 1 to 5.
seen = np.argsort(rng.random((PEOPLE, FILMS)), axis=1)[:, :EACH]
person, film = np.repeat(np.arange(PEOPLE), EACH), seen.ravel()
luck = rng.normal(0, LUCK, len(person))
rating = np.clip(np.rint(wanted[person, film] + luck), 1, 5).astype(np.float32)
test = np.arange(len(rating)) % EACH < 5  # five ratings of each person
train = ~test


def off(predicted):
    """Root of the mean squared error on the test ratings."""
    return float(np.sqrt(np.mean((np.clip(predicted, 1, 5) - rating[test]) ** 2)))


class Recommender(nn.Module):
    """A rating is the mean + the person's bias + the film's bias + the product of two vectors."""

    def __init__(self, factors):
        super().__init__()
        self.people, self.films = nn.Embedding(PEOPLE, factors), nn.Embedding(FILMS, factors)
        self.person_bias, self.film_bias = nn.Embedding(PEOPLE, 1), nn.Embedding(FILMS, 1)
        for table in (self.people, self.films, self.person_bias, self.film_bias):
            nn.init.normal_(table.weight, 0, 0.1)  # at first, all about as good as the mean

    def forward(self, person, film):
        fits = (self.people(person) * self.films(film)).sum(1)
        return mean + fits + (self.person_bias(person) + self.film_bias(film)).sum(1)


mean = float(rating[train].mean())
bl.manual_seed(0)
model = Recommender(factors=2)
optimizer = optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)


@bl.replay
def step(person, film, rating):
    loss = F.mse_loss(model(person, film), rating)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


step.run(person[train], film[train], rating[train], batch_size=128, epochs=40, shuffle=True)
with bl.no_grad():
    learned = off(model(person[test], film[test]).numpy())
    everything = model(np.repeat(np.arange(PEOPLE), FILMS), np.tile(np.arange(FILMS), PEOPLE))


def means(of, count):
    """How far each one's ratings lie from the mean."""
    sums = np.bincount(of[train], rating[train] - mean, count)
    return sums / np.bincount(of[train], minlength=count).clip(1)


simple = off(mean + means(person, PEOPLE)[person[test]] + means(film, FILMS)[film[test]])
print(
    f"{len(rating)} ratings of {FILMS} films by {PEOPLE} people; {test.sum()} of them are the test."
)
print("How far predictions are off there, the root of the mean squared error:")
print(f"  {off(np.full(test.sum(), mean)):.2f}  the mean of all ratings")
print(f"  {simple:.2f}  means of person and film: what is good, but not for whom")
print(f"  {learned:.2f}  two numbers for each person and film, learned")
print(
    f"  {off(wanted[person[test], film[test]]):.2f}  the truth the ratings were drawn from: luck\n"
)

scores = everything.numpy().reshape(PEOPLE, FILMS).copy()
scores[person, film] = -np.inf  # what was seen is not recommended
for number in range(3):
    best = scores[number].argsort()[::-1][:3]
    chosen, every = wanted[number, best].mean(), wanted[number].mean()
    print(f"{people[number]} should see the films {', '.join(map(str, best))}: ", end="")
    print(f"worth {chosen:.1f} to her in truth, any film {every:.1f}")
print("Who likes what was in the ratings; nobody had said which films have action or romance.")
assert learned < 0.8 * simple
