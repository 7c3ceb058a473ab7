"""What the walk says at each of its steps besides numbers: the title, why the step is taken, and,
for `--explain`, the idea behind it for who meets it for the first time.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """A step's title, why it is taken, and what `--explain` adds."""

    title: str
    why: str
    more: str


WORDS: dict[str, Words] = {
    "problem": Words(
        "Define the problem",
        "without a target, a metric and something to beat, no result means anything",
        "A model answers one question: given these columns, what is in that one? The metric says "
        "what a good answer is worth, before anybody has seen one; who chooses it afterwards "
        "chooses the one that flatters. What was inferred here can be said instead: --target, "
        "--task, --metric, --positive, --group, --time.",
    ),
    "table": Words(
        "Look at the table, and prepare it",
        "a model learns whatever stands in the table, mistakes included",
        "Networks take numbers of similar size, without gaps. Missing numbers are filled with the "
        "column's median, categories become columns of 0 and 1, and each number is moved to mean 0 "
        "and deviation 1. All of that is worked out from the training rows alone and then done to "
        "every row alike: a mean that had seen the test rows would have told the model about them.",
    ),
    "split": Words(
        "Split it in three, and seal the test part",
        "rows that were learned from say nothing about rows that were not",
        "The training part is what is learned from, the validation part is what choices are made "
        "by (which epoch, which model), and the test part is looked at once, when all has been "
        "chosen. Each look at it spends some of its honesty, so looks are counted. A row that "
        "stands in two parts, or two rows of one person, make the test easier than the world.",
    ),
    "models": Words(
        "Choose a model: the simplest first",
        "a network that does not beat a straight line has learned nothing worth its weight",
        "The baseline never looks at the inputs. The linear model weighs each column once. The "
        "tree asks one question after the other; left to grow, it learns its rows by heart, which "
        "is what memorising looks like: perfect in training, no better elsewhere.",
    ),
    "untrained": Words(
        "First predictions: being wrong",
        "a network that knows nothing must lose just what knowing nothing costs; another number "
        "means a fault",
        "With random weights all classes look alike, so the loss is ln C for C classes, and the "
        "variance for a number. Numbers such as 64-128-10 count its inputs, hidden units and "
        "outputs. Far above: the random outputs are too large, and training first "
        "has to unlearn them. Below: the answer stands among the inputs.",
    ),
    "loss": Words(
        "Measure the error: can it be learned?",
        "a network that cannot learn thirty rows by heart will not learn a thousand",
        "Cross-entropy is minus the logarithm of the probability that was given to what happened; "
        "squared error is the square of the distance. Before the long training come two short "
        "ones: a few rows, which must go to nearly no loss, and rows without their inputs, which "
        "must not go far.",
    ),
    "optimise": Words(
        "Optimise: predict, measure, update",
        "each update moves every weight a little against its gradient",
        "backprop.html beside this report lets you walk through one such step. Too small a "
        "learning rate goes nowhere, too large a one leaps past; about a thousandth of the weight "
        "per update is healthy. Training stops once validation has not improved for some epochs, "
        "and the weights of the best epoch are kept.",
    ),
    "verdict": Words(
        "Generalise or memorise?",
        "training loss always falls; only rows that were not learned from tell what was learned",
        "A gap between training and validation is memory; no gap and no gain is too little "
        "learning; validation better than training is a reason to look for a leak. The simpler "
        "model is recommended unless the other wins by more than the noise of this many rows.",
    ),
    "trust": Words(
        "What to trust",
        "one number hides for whom it is wrong, how sure it should be, and what it looks at",
        "A probability of 0.9 should be right nine times out of ten (calibration). Errors may "
        "gather in one group. A column whose values can be shuffled without any harm is not used. "
        "And the world moves: `backlit drift` compares new rows with those learned from.",
    ),
}
"""By the step's key, in order."""
