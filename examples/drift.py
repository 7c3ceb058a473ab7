"""A model of winter in June: the world moves, and the model does not know it.

Bicycles lent per hour in 2011, learned from January to March only. Run `python examples/drift.py`.
"""

import numpy as np

from backlit.learn import Problem, Settings, learn, load
from backlit.learn.checks.drift import Reference, drift

bikes = load("bikes")
month = np.array([int(text[5:7]) for text in bikes.column("time")])  # 2011-06-30 23:00
problem = Problem(
    "bikers",
    time="time",  # the test part is the latest: nobody predicts the past
    ignored=("casual", "registered", "season", "month"),  # the first two add up to the target
)
settings = Settings(hidden=(64, 64), epochs=40, lr=0.003, batch_size=64)


def off(model, rows):
    """By how many bicycles predictions are off in an hour, on average."""
    return np.abs(model.predict(rows)["predicted bikers"] - rows.column("bikers")).mean()


quarter = bikes.take(month <= 3)
winter = learn(quarter, problem, settings)
print(
    f"Learned from January to March; in the last weeks, the test, R2 is {winter.exam.score:.2f}.\n"
)

# What is compared is what the model sees: the inputs of a month beside those of the first quarter.
watched = ("hour", "weekday", "weather", "temperature", "feels like", "humidity", "wind speed")
reference = Reference.of(quarter, watched)
for number, name in ((4, "April"), (6, "June"), (12, "December")):
    rows = bikes.take(month == number)
    print(f"{name}: {rows.column('bikers').mean():.0f} lent an hour, ", end="")
    print(f"predictions are off by {off(winter, rows):.0f}")
    for finding in drift(reference, rows):
        if finding.level != "note":
            print(f"    {finding}")

# What it cost: the same network, had it been trained anew with April and May.
june = bikes.take(month == 6)
spring = learn(bikes.take(month <= 5), problem, settings)
print(f"\nIn June the model of the winter is off by {off(winter, june):.0f}, ", end="")
print(f"one that has seen the spring by {off(spring, june):.0f}.")
print(
    "The inputs alone gave the alarm: nobody had to wait for the true numbers, or for complaints."
)
assert off(spring, june) < 0.9 * off(winter, june)
