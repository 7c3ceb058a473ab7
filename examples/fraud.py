"""Looking for something rare: why accuracy lies, what precision and recall say, what errors cost.

Real mails stand in for payments: of those that are spam all but 84 are taken away, so that 3 in 100
rows are what we look for, as with fraud or a rare illness. Run it with `python examples/fraud.py`.
"""

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.learn import load

MISSED, ALARM = 100, 2  # what a fraud that goes through costs, and a payment stopped for nothing

# The table without its duplicates (a row must not stand in two parts), then thinned.
rng = np.random.default_rng(0)
frame = load("spam").frame.drop_duplicates()
fraud = (frame.pop("kind") == "spam").to_numpy()
rows = np.concatenate([np.flatnonzero(~fraud), rng.choice(np.flatnonzero(fraud), 84, False)])
x = np.log1p(frame.to_numpy(np.float32))[rows]  # counts have long tails, logarithms shorter ones
y = fraud[rows].astype(int)

# Half of each class trains; of the rest one half sets the threshold, the other is the test.
place = np.empty(len(y), int)
for label in (0, 1):
    mine = rng.permutation(np.flatnonzero(y == label))
    place[mine] = np.arange(len(mine)) % 4
train, validation, test = place < 2, place == 2, place == 3
x = (x - x[train].mean(0)) / (x[train].std(0) + 1e-6)

bl.manual_seed(0)
model = nn.MLP([x.shape[1], 16, 2])
optimizer = optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3)


@bl.replay
def step(inputs, labels):
    loss = F.cross_entropy(model(inputs), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


for _ in range(60):
    step(x[train], y[train])
suspicion = F.softmax(model(x), 1).numpy()[:, 1]


def judge(part, threshold):
    """Frauds found (stopped), frauds missed, false alarms, and what the last two cost."""
    stopped, is_fraud = suspicion[part] > threshold, y[part] == 1
    missed, alarms = (~stopped & is_fraud).sum(), (stopped & ~is_fraud).sum()
    return (stopped & is_fraud).sum(), missed, alarms, MISSED * missed + ALARM * alarms


print(f"{len(y)} rows, {y.sum()} of them fraud; the test has {test.sum()}, {y[test].sum()} fraud.")
print(f"Who says 'no fraud' to all of it is right in {1 - y[test].mean():.1%}, and finds nothing.")

# The threshold is chosen where it costs least on the validation part, never on the test part.
cheapest = min(np.unique(suspicion[validation]), key=lambda t: judge(validation, t)[3])
for threshold in (0.5, cheapest):
    found, missed, alarms, cost = judge(test, threshold)
    print(
        f"stopping above {threshold:.2f}: right in {1 - (missed + alarms) / test.sum():.1%}, "
        f"recall {found} of {found + missed}, precision {found} of {found + alarms}, cost {cost}"
    )

# Precision at each fraud, going down the list from the most suspicious: its mean is the area
# under the precision-recall curve. Guessing gets the share of fraud, so it has far to go.
hits = y[test][np.argsort(-suspicion[test], kind="stable")]
precision = (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits == 1].mean()
print(f"average precision {precision:.2f}, where guessing has {y[test].mean():.2f}\n")
print(
    "Accuracy is higher at 0.5, where half of the fraud gets through: it takes a missed fraud for"
)
print("one mistake in hundreds. Say what a mistake costs, and choose the threshold by that.")
assert judge(test, cheapest)[3] < judge(test, 0.5)[3] < MISSED * y[test].sum()
assert precision > 5 * y[test].mean()
