"""Train a 2-16-16-2 network on two moons with JAX and print the accuracy.
Measured as a whole process beside the same script for the other libraries."""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, (2, 100))
upper = np.stack([np.cos(angle[0]), np.sin(angle[0])], axis=1)
lower = np.stack([1 - np.cos(angle[1]), 0.5 - np.sin(angle[1])], axis=1)
points = np.concatenate([upper, lower]) + rng.normal(0, 0.1, (200, 2))

x = jnp.asarray(points, dtype=jnp.float32)
y = jnp.asarray(np.repeat([0, 1], 100))


def initial(fan_in, fan_out):
    bound = fan_in**-0.5
    weight = rng.uniform(-bound, bound, (fan_in, fan_out))
    bias = rng.uniform(-bound, bound, fan_out)
    return jnp.asarray(weight, jnp.float32), jnp.asarray(bias, jnp.float32)


def logits(parameters, x):
    *hidden, (weight, bias) = parameters
    for w, b in hidden:
        x = jax.nn.relu(x @ w + b)
    return x @ weight + bias


def loss(parameters, x, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits(parameters, x)), y[:, None], 1))


@partial(jax.jit, donate_argnums=(0, 1, 2))
def step(parameters, first, second, count, x, y):
    gradients = jax.grad(loss)(parameters, x, y)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    a, b = 1 - 0.9**count, 1 - 0.999**count
    parameters = jax.tree.map(
        lambda p, m, v: p - 1e-2 * (m / a) / (jnp.sqrt(v / b) + 1e-8), parameters, first, second
    )
    return parameters, first, second


parameters = [initial(2, 16), initial(16, 16), initial(16, 2)]
first = jax.tree.map(jnp.zeros_like, parameters)
second = jax.tree.map(jnp.zeros_like, parameters)
for count in range(1, 201):
    parameters, first, second = step(parameters, first, second, count, x, y)

accuracy = float(jnp.mean(jnp.argmax(logits(parameters, x), axis=1) == y))
print(f"accuracy {accuracy:.3f}")
