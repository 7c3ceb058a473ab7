"""A recommender: who likes what, learned from ratings alone, with nothing known about the films.

The ratings are drawn, so that the truth is known: each film has some action and some romance, each
person some liking for both, and luck is added. Run it with `python examples/recommender.py`.
"""

import numpy as np

from backlit.learn import load
from backlit.learn.models.recommender import recommender

PEOPLE, FILMS, EACH, LUCK = 300, 120, 30, 0.6
rng = np.random.default_rng(0)
taste, content = rng.normal(size=(PEOPLE, 2)), rng.normal(size=(FILMS, 2))
mild, good = rng.normal(0, 0.3, (PEOPLE, 1)), rng.normal(0, 0.5, FILMS)  # judges, films
truth = 3.3 + mild + good + 0.7 * taste @ content.T
women = load("names").frame["name"][:PEOPLE].tolist()
films = [f"film {k}" for k in range(FILMS)]

# Each person has rated 30 films of 120; a rating is a whole number from 1 to 5.
seen = np.argsort(rng.random((PEOPLE, FILMS)), axis=1)[:, :EACH].ravel()
by = np.repeat(np.arange(PEOPLE), EACH)
ratings = np.clip(np.rint(truth[by, seen] + rng.normal(0, LUCK, len(by))), 1, 5)

# A person is two numbers and so is a film; their product, with a number for how kind the person
# judges and one for how good the film is, is the rating. All of them are learned from ratings.
found = recommender([women[k] for k in by], [films[k] for k in seen], ratings, factors=2)
for sentence in found.sentences:
    print(sentence)
luck = np.sqrt(np.mean((np.clip(truth[by, seen], 1, 5) - ratings) ** 2))
print(f"The truth that the ratings were drawn from has {luck:.3f}: the rest is luck.\n")

for name in women[:3]:
    person = women.index(name)
    best = [film for film, _ in found.recommend(name, 3)]
    worth = truth[person, [films.index(film) for film in best]].mean()
    print(f"{name} should see {', '.join(best)}: worth {worth:.1f} to her in truth, ", end="")
    print(f"any film {truth[person].mean():.1f}")

# The two numbers of each film have no names. Do they hold what the films were made of?
numbers = found.model.items.weight.numpy()[[1 + found.items.index(film) for film in films]]
fitted = np.linalg.lstsq(np.c_[numbers, np.ones(FILMS)], content, rcond=None)[0]
left = content - np.c_[numbers, np.ones(FILMS)] @ fitted
action, romance = 1 - left.var(0) / content.var(0)
print(
    f"\nFrom a film's two learned numbers its action can be told with R2 {action:.2f}, its romance"
)
print(
    f"with {romance:.2f}: who likes what was in the ratings, though nobody had put it into words."
)
assert found.better
assert min(action, romance) > 0.7
