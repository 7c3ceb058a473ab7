"""The figures of the README: `python examples/figures.py [folder]` draws them into docs/img.

The same program gives the same bytes, so a figure changes only where the picture does.
"""

import sys
from pathlib import Path

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn
from backlit.engine import tensor

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/img")
folder.mkdir(parents=True, exist_ok=True)

x = tensor(0.5, requires_grad=True)
w = tensor(-1.25, requires_grad=True)
b = tensor(0.3, requires_grad=True)
y = (x * w + b).tanh()
bl.draw(y, names=locals()).save(folder / "expression.svg")

bl.manual_seed(0)
model = nn.MLP([2, 8, 2])
points = np.random.default_rng(0).standard_normal((12, 2))
loss = F.cross_entropy(model(points), (points[:, 0] > 0).astype(int))
bl.draw(loss, names={"points": points}, module=model).save(folder / "network.svg")
print(f"drew expression.svg and network.svg in {folder}")
