"""Reading handwritten digits of 8 x 8 pixels, and looking at what went wrong.

Run it with `python examples/handwriting.py`.
"""

import numpy as np

from backlit.learn import Problem, Settings, learn, load

digits = load("digits")
result = learn(
    digits,
    Problem("digit", task="classification"),
    Settings(hidden=(128,), epochs=30, lr=0.003),
    image_shape=(8, 8),
)

print("In validation, the simplest first:")
for candidate in result.context.candidates:
    low, high = candidate.interval
    print(f"  {candidate.name:20} {candidate.score:.3f} ({low:.3f} to {high:.3f})")
print(f"The network: {result.verdict.headline}")
print(f"Recommended, as the simplest that is as good: {result.verdict.recommended.name}.")

# The test part was looked at once, by the model that was chosen before.
exam, classes = result.exam, result.context.preparation.classes
low, high = exam.interval
wrong = np.flatnonzero(exam.predicted != exam.truth)
print(f"\nIn the test: {exam.score:.3f} ({low:.3f} to {high:.3f}), {len(wrong)} of ", end="")
print(f"{len(exam.rows)} wrong. By digit:")
for number, digit in enumerate(classes):
    read_as = exam.predicted[wrong][exam.truth[wrong] == number]
    if len(read_as):
        print(f"  {digit} was read as {', '.join(classes[k] for k in sorted(read_as))}")

# The mistake that the model was surest of, as ink.
surest = wrong[np.argmax(exam.outputs[wrong, exam.predicted[wrong]])]
pixels = digits.frame.drop(columns="digit").to_numpy()[exam.rows[surest]].reshape(8, 8)
print(f"\nThis was written as a {classes[exam.truth[surest]]}, and read as a ", end="")
print(f"{classes[exam.predicted[surest]]} with probability {exam.outputs[surest].max():.2f}:\n")
for row in pixels:
    print("    " + "".join(" .:-=+*#%@"[int(pixel * 9 / 16)] * 2 for pixel in row))
print("\nThe same 13 people wrote all parts: a stranger's hand would be read worse than that.")
assert exam.score > 0.9
