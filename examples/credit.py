"""Who is refused a credit, and who wrongly: the errors of a model by age and by sex.

Run it with `python examples/credit.py`.
"""

import numpy as np

from backlit.learn import Problem, Settings, learn, load

# Groups of age and sex stand in the table to judge by; the model does not get them. It still has
# the age, and the personal status, from which most people's sex follows: leaving a column out does
# not make a model blind to it.
problem = Problem(
    "risk",
    metric="roc_auc",  # not accuracy: saying "good" to everybody is right for 70 in 100
    positive="bad",
    sensitive=("age group", "sex"),
    ignored=("age group", "sex"),
    cost={("bad", "good"): 5, ("good", "bad"): 1},
)
applicants = load("credit")
result = learn(applicants, problem, Settings(hidden=(16,), epochs=60, lr=0.003))
exam, classes = result.exam, result.context.preparation.classes
print(
    f"Of a bad and a good risk, the {result.verdict.recommended.name} tells which is which in",
    end=" ",
)
print(f"{exam.score:.0%} of all pairs of the test, a coin in {exam.baseline_score:.0%}.\n")

# A bad credit costs five times a good one that was refused: refuse from a risk of 1 in 6 on.
bad = exam.truth == classes.index("bad")
risk = exam.outputs[:, classes.index("bad")]
print(f"giving everybody a credit: cost {5 * bad.sum()}")
for threshold in (1 / 2, 1 / 6):
    refused = risk > threshold
    given = (~refused & bad).sum()
    cost = 5 * given + (refused & ~bad).sum()
    print(f"refusing from a risk of {threshold:.2f} on: {refused.mean():.0%} refused, ", end="")
    print(f"{given} bad credits given, {(refused & ~bad).sum()} good ones refused, cost {cost}")


def share(count, of):
    """A share with Wilson's 95 % interval."""
    middle, wide = count + 1.92, 1.96 * np.sqrt(count * (of - count) / of + 0.96)
    low, high = (middle - wide) / (of + 3.84), (middle + wide) / (of + 3.84)
    return f"{count:3} of {of:3} = {count / of:4.0%} ({low:3.0%} to {high:3.0%})"


print("\nOf those who would have paid back, refused from 1 in 6 on:")
people = applicants.frame.iloc[exam.rows]
for column in problem.sensitive:
    for group in sorted(set(people[column])):
        good = (people[column] == group).to_numpy() & ~bad
        print(f"  {column:9} {group:13} {share((refused & good).sum(), good.sum())}")

print("\nWhat the walk says about groups:")
for finding in result.findings:
    if any(column in str(finding) for column in problem.sensitive):
        print(f"  {finding}")
print("\nThe young who would have paid back are refused more often than the old, by what the table")
print(
    "shows; with 18 of them in the test that may be luck. The sex of a third was never recorded, so"
)
print("nobody can say from this table whether women are treated as men are.")
assert 5 * bad.sum() > cost
