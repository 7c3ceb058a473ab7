"""Train a 64-128-10 network on digits with backlit until 0.96 of the validation rows are right.
Measured as a whole process beside the same script for the other libraries."""

import sys

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim

bl.manual_seed(0)
data = np.load(sys.argv[1])
x_valid, y_valid = bl.tensor(data["x_valid"]), bl.tensor(data["y_valid"])
model = nn.MLP([64, 128, 10])
optimizer = optim.Adam(model.parameters(), lr=1e-3)
accuracy = 0.0


@bl.replay
def step(x, y):
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def look(epoch, loss):
    global accuracy
    with bl.no_grad():
        accuracy = (model(x_valid).argmax(1) == y_valid).numpy().mean()
    return bool(accuracy < 0.96)


history = step.run(
    data["x_train"], data["y_train"], batch_size=32, epochs=100, shuffle=True, on_epoch=look
)
print(f"accuracy {accuracy:.3f}, epochs {len(history)}")
