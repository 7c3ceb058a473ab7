"""A network learns two interleaved moons; its graph is drawn and its weights are saved and loaded.

Run it with `python examples/moons.py [folder]`.
"""

import sys
from pathlib import Path

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/example_moons")
folder.mkdir(parents=True, exist_ok=True)

rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, 200)
upper = rng.random(200) < 0.5
x = np.where(upper, [np.cos(angle), np.sin(angle)], [1 - np.cos(angle), 0.5 - np.sin(angle)]).T
x = (x + 0.1 * rng.standard_normal(x.shape)).astype(np.float32)
y = upper.astype(int)

bl.manual_seed(0)
model = nn.MLP([2, 16, 16, 2])
optimizer = optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(200):
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 50 == 0:
        print(f"epoch {epoch:3d}  loss {loss.item():.4f}")

accuracy = (model(x).argmax(1) == y).mean().item()
print(f"accuracy {accuracy:.3f}")
assert accuracy > 0.97

bl.draw(F.cross_entropy(model(x), y)).save(folder / "graph.svg")
bl.save(folder / "moons.safetensors", model)
twin = nn.MLP([2, 16, 16, 2])
bl.load(folder / "moons.safetensors", twin)
assert (twin(x).numpy() == model(x).numpy()).all()
print(f"wrote graph.svg and moons.safetensors to {folder}")
