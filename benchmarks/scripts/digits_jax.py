"""Train a 64-128-10 network on digits with JAX until 0.96 of the validation rows are right.
Measured as a whole process beside the same script for the other libraries."""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_compilation_cache_dir", sys.argv[2])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
data = np.load(sys.argv[1])
x, y = jnp.asarray(data["x_train"]), jnp.asarray(data["y_train"], jnp.int32)
x_valid, y_valid = jnp.asarray(data["x_valid"]), jnp.asarray(data["y_valid"], jnp.int32)
rng = np.random.default_rng(0)
whole = len(x) // 32 * 32  # the last batch is smaller: a shape, and a program, of its own


def initial(fan_in, fan_out):
    bound = fan_in**-0.5
    weight = rng.uniform(-bound, bound, (fan_in, fan_out))
    bias = rng.uniform(-bound, bound, fan_out)
    return jnp.asarray(weight, jnp.float32), jnp.asarray(bias, jnp.float32)


def logits(parameters, x):
    (w1, b1), (w2, b2) = parameters
    return jax.nn.relu(x @ w1 + b1) @ w2 + b2


def loss(parameters, x, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits(parameters, x)), y[:, None], 1))


def step(state, rows):
    parameters, first, second, count = state
    gradients = jax.grad(loss)(parameters, x[rows], y[rows])
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    a, b = 1 - 0.9**count, 1 - 0.999**count
    parameters = jax.tree.map(
        lambda p, m, v: p - 1e-3 * (m / a) / (jnp.sqrt(v / b) + 1e-8), parameters, first, second
    )
    return (parameters, first, second, count), None


@partial(jax.jit, donate_argnums=0)
def epoch(state, key):
    order = jax.random.permutation(key, len(x))
    state, _ = jax.lax.scan(step, state, order[:whole].reshape(-1, 32))
    state, _ = step(state, order[whole:])
    return state, jnp.mean(jnp.argmax(logits(state[0], x_valid), axis=1) == y_valid)


parameters = [initial(64, 128), initial(128, 10)]
state = (
    parameters,
    jax.tree.map(jnp.zeros_like, parameters),
    jax.tree.map(jnp.zeros_like, parameters),
    jnp.zeros((), jnp.int32),
)
keys = jax.random.split(jax.random.key(0), 100)
accuracy, epochs = 0.0, 0
while accuracy < 0.96 and epochs < 100:
    state, accuracy = epoch(state, keys[epochs])
    epochs += 1
print(f"accuracy {accuracy:.3f}, epochs {epochs}")
