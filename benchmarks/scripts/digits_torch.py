"""Train a 64-128-10 network on digits with PyTorch until 0.96 of the validation rows are right.
Measured as a whole process beside the same script for the other libraries."""

import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
data = np.load(sys.argv[1])
x, y = torch.from_numpy(data["x_train"]), torch.from_numpy(data["y_train"])
x_valid, y_valid = torch.from_numpy(data["x_valid"]), torch.from_numpy(data["y_valid"])
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
accuracy, epochs = 0.0, 0

while accuracy < 0.96 and epochs < 100:
    epochs += 1
    for rows in torch.randperm(len(x)).split(32):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(x_valid).argmax(1) == y_valid).float().mean().item()
print(f"accuracy {accuracy:.3f}, epochs {epochs}")
