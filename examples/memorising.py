"""A network that learns its rows by heart: `python examples/memorising.py [folder]` draws it.

The same 600 credits, once with a small step and once with a network far too large for them.
The same program gives the same bytes.
"""

import sys
from pathlib import Path

import matplotlib

from backlit.learn import BUILTIN, Settings, learn, load

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "memorising", "svg.fonttype": "none", "font.size": 11})
import matplotlib.pyplot as plt  # noqa: E402  (after its back end is chosen)

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs")
folder.mkdir(parents=True, exist_ok=True)

networks = {
    "16 units, small steps (0.003)": Settings((16,), epochs=30, lr=0.003, patience=None),
    "256 and 256 units, large steps (0.01)": Settings(
        (256, 256), epochs=30, lr=0.01, patience=None
    ),
}
figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.2), sharey=True, layout="constrained")
for axis, (title, settings) in zip(axes, networks.items(), strict=True):
    fit = learn(load("credit"), BUILTIN["credit"].problem, settings).context.fit
    training = [epoch.train_loss for epoch in fit.history]
    validation = [epoch.validation_loss for epoch in fit.history]
    axis.plot(training, color="#0072b2", label="rows it learns from")
    axis.plot(validation, color="#d55e00", linestyle="--", label="rows it has not seen")
    axis.axvline(fit.best, color="#888888", linewidth=1, linestyle=":")
    axis.annotate(f"kept: epoch {fit.best}", (fit.best + 0.5, 2.5), color="#5d6470")
    axis.set(title=title, xlabel="epoch", ylim=(0, 2.8))
    axis.spines[["top", "right"]].set_visible(False)
    print(f"{title}: the best epoch is {fit.best}; after {len(fit.history) - 1}, the loss is")
    print(f"    {training[-1]:.3f} in training, {validation[-1]:.3f} in validation")
    assert validation[-1] > training[-1]
axes[0].set_ylabel("loss")
axes[0].legend(frameon=False, loc="center right")
figure.savefig(folder / "memorising.svg", metadata={"Date": None}, facecolor="white")
print(f"drew memorising.svg in {folder}")
