"""JAX as its experts use it: the whole step in one jitted function whose state is donated.
Adam is written out, so that no further package is needed; parameters are (in, out) as usual."""

from functools import partial
from itertools import cycle, islice
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..bench import Bench
from ..data import read_operands, read_rows, read_step
from ..formula import gelu

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
Parameters = list[tuple[jax.Array, jax.Array]]


class State(NamedTuple):
    """Everything a step replaces."""

    parameters: Parameters
    first: Parameters
    second: Parameters
    step: jax.Array


class System:
    """There is one variant; the threads come from NPROC, which XLA reads at start."""

    def __init__(self, variant: str, threads: int) -> None:
        self.devices = jax.devices("cpu")

    def versions(self) -> dict[str, str]:
        """jax's version."""
        return {"jax": jax.__version__}

    def build(self, spec: dict) -> Bench:
        """The bench of a spec; jax takes part in training steps and in the chain of ops."""
        makers = {"step": _step, "epochs": _epochs, "gelu": _gelu}
        if spec["kind"] not in makers:
            raise NotImplementedError(f"jax has no {spec['kind']} here")
        return makers[spec["kind"]](spec)


def _step(spec: dict) -> Bench:
    data = read_step(spec["file"])
    batches = [(jnp.asarray(x), jnp.asarray(y.astype("int32"))) for x, y in data.batches]
    layers = data.layers
    del data  # its batches would be held a second time
    state = _initial(layers)

    def reset() -> None:
        nonlocal state
        state = jax.block_until_ready(_initial(layers))

    def run(count: int) -> None:
        nonlocal state
        loss = None
        for x, y in islice(cycle(batches), count):
            state, loss = step(state, x, y, spec["learning_rate"])
            if spec["read"]:
                loss.item()
        jax.block_until_ready((state, loss))

    def check() -> list[float]:
        nonlocal state
        losses = []
        for x, y in islice(cycle(batches), spec["checked"]):
            state, loss = step(state, x, y, spec["learning_rate"])
            losses.append(loss.item())
        return losses

    return Bench(run, check, reset)


def _epochs(spec: dict) -> Bench:
    x, y, layers = read_rows(spec["file"])
    data = jnp.asarray(x), jnp.asarray(y.astype("int32"))
    batch, rate = spec["batch"], spec["learning_rate"]
    steps = len(x) // batch
    state = _initial(layers)
    key = jax.random.key(0)

    @partial(jax.jit, donate_argnums=0, static_argnums=(4, 5))
    def epochs(
        state: State, x: jax.Array, y: jax.Array, key: jax.Array, shuffle: bool, count: int
    ) -> tuple[State, jax.Array]:
        def one(state: State, index: jax.Array) -> tuple[State, jax.Array]:
            return step(state, x[index], y[index], rate)

        def epoch(state: State, key: jax.Array) -> tuple[State, jax.Array]:
            rows = jnp.arange(len(x))
            order = jax.random.permutation(key, rows) if shuffle else rows
            if steps == 1:
                state, loss = step(state, x, y, rate)
                return state, loss
            state, losses = jax.lax.scan(one, state, order.reshape(steps, batch))
            return state, losses.mean()

        return jax.lax.scan(epoch, state, jax.random.split(key, count))

    lengths = (1024, 32, 1) if steps == 1 else (1,)  # epochs in one call: each is compiled

    def reset() -> None:
        nonlocal state
        state = jax.block_until_ready(_initial(layers))

    def run(count: int) -> None:
        nonlocal state, key
        for length in lengths:
            for _ in range(count // length):
                key, own = jax.random.split(key)
                state, _ = epochs(state, *data, own, spec["shuffle"], length)
            count %= length
        jax.block_until_ready(state)

    def check() -> list[float]:
        nonlocal state
        state, losses = epochs(state, *data, key, False, spec["checked"])
        for length in lengths:  # none is compiled within a slice
            epochs(_initial(layers), *data, key, spec["shuffle"], length)
        return losses.tolist()

    return Bench(run, check, reset)


def _gelu(spec: dict) -> Bench:
    (x,) = (jnp.asarray(array) for array in read_operands(spec["file"]))
    formula = jax.jit(lambda x: gelu(x, jnp.tanh))

    def run(count: int) -> None:
        y = x
        for _ in range(count):
            y = formula(x)
        jax.block_until_ready(y)

    def check() -> list[float]:
        return formula(x)[:1000].tolist()

    return Bench(run, check)


def _initial(layers: list) -> State:
    def parameters() -> Parameters:
        return [(jnp.array(weight.T), jnp.array(bias)) for weight, bias in layers]

    def zeros() -> Parameters:
        return jax.tree.map(jnp.zeros_like, parameters())

    return State(parameters(), zeros(), zeros(), jnp.zeros((), jnp.int32))


def cross_entropy(parameters: Parameters, x: jax.Array, y: jax.Array) -> jax.Array:
    """The mean negative log-likelihood of labels y (N,) for inputs x (N, features)."""
    *hidden, last = parameters
    for weight, bias in hidden:
        x = jax.nn.relu(x @ weight + bias)
    logits = x @ last[0] + last[1]
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
    return -jnp.mean(picked)


@partial(jax.jit, donate_argnums=0, static_argnums=3)
def step(state: State, x: jax.Array, y: jax.Array, rate: float) -> tuple[State, jax.Array]:
    """One step of Adam; gives the new state and the loss before it."""
    loss, gradients = jax.value_and_grad(cross_entropy)(state.parameters, x, y)
    count = state.step + 1
    first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state.first, gradients)
    second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state.second, gradients)
    correct1 = 1 - BETA1**count
    correct2 = 1 - BETA2**count

    def moved(p: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        return p - rate * (m / correct1) / (jnp.sqrt(v / correct2) + EPSILON)

    parameters = jax.tree.map(moved, state.parameters, first, second)
    return State(parameters, first, second, count), loss
