"""Gradient descent by hand: fit a line, with nothing but tensors and backward.

Run it with `python examples/by_hand.py`.
"""

import numpy as np

from backlit.engine import no_grad, tensor

rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, 100)
y = 3 * x - 2 + 0.1 * rng.standard_normal(100)

w = tensor(0.0, requires_grad=True, name="w")
b = tensor(0.0, requires_grad=True, name="b")
inputs, targets = tensor(x), tensor(y)

for step in range(100):
    loss = ((inputs * w + b - targets) ** 2).mean()
    w.grad = b.grad = None
    loss.backward()
    with no_grad():
        w -= 0.5 * w.grad
        b -= 0.5 * b.grad
    if step % 20 == 0:
        print(f"step {step:3d}  loss {loss.item():.4f}")

print(f"y = {w.item():.2f} x + {b.item():.2f}, the truth was 3 x - 2")
assert abs(w.item() - 3) < 0.1
assert abs(b.item() + 2) < 0.1
