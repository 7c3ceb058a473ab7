"""Train a 2-16-16-2 network on two moons with backlit and print the accuracy.
Measured as a whole process beside the same script for the other libraries."""

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim

bl.manual_seed(0)
rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, (2, 100))
upper = np.stack([np.cos(angle[0]), np.sin(angle[0])], axis=1)
lower = np.stack([1 - np.cos(angle[1]), 0.5 - np.sin(angle[1])], axis=1)
points = np.concatenate([upper, lower]) + rng.normal(0, 0.1, (200, 2))

x = bl.tensor(points)
y = bl.tensor(np.repeat([0, 1], 100))
model = nn.MLP([2, 16, 16, 2])
optimizer = optim.Adam(model.parameters(), lr=1e-2)
for _ in range(200):
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with bl.no_grad():
    accuracy = (model(x).argmax(1) == y).numpy().mean()
print(f"accuracy {accuracy:.3f}")
