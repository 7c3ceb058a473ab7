"""Hidden zeros: a measurement that was not taken, written down as 0, is believed by every model.

Real patients, with three measurements struck out in a third of them, so that the truth is known.
Run it with `python examples/medical.py`.
"""

import numpy as np

from backlit.learn import Problem, Settings, Table, learn, load

real = load("diabetes").frame  # how far the illness has gone after a year, by ten measurements
rng = np.random.default_rng(0)
with_zeros, declared = real.copy(), real.copy()
for column in ("bmi", "bp", "s5"):  # body mass, blood pressure, a blood fat: none of them can be 0
    lost = rng.random(len(real)) < 1 / 3
    with_zeros.loc[lost, column] = 0.0
    declared.loc[lost, column] = np.nan

problem, settings = Problem("disease progression"), Settings(hidden=(16,), epochs=60, lr=0.003)
scores = {}
for name, frame in (
    ("as it was measured", real),
    ("with zeros", with_zeros),
    ("with the zeros declared missing", declared),
):
    result = learn(Table.of(frame, name), problem, settings)
    scores[name], (low, high) = result.exam.score, result.exam.interval
    print(f"{name}: R2 {scores[name]:.2f} ({low:.2f} to {high:.2f}) in the test, ", end="")
    print(f"by {result.verdict.recommended.name}")
    for finding in result.findings:
        if finding.level == "warning" and " is 0 in " in str(finding):
            print(f"    {finding}")

print(
    "\nA zero that means 'not measured' says that the patient weighs nothing, and a model believes"
)
print("it. Said to be missing it becomes the median, and an input that says it was not measured.")
print("What was never measured stays lost; but half of the harm was done by the zeros alone.")
as_measured, believed, missing = scores.values()
assert as_measured > missing > believed
