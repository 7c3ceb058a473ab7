"""NumPy, for the single operations: the yardstick without a graph and without gradients.
Its softmax is the usual three lines."""

from collections.abc import Callable

import numpy as np

from ..bench import Bench
from ..data import read_operands


class System:
    """There is one variant; the threads come from the environment."""

    def __init__(self, variant: str, threads: int) -> None:
        pass

    def versions(self) -> dict[str, str]:
        """NumPy's version."""
        return {"numpy": np.__version__}

    def build(self, spec: dict) -> Bench:
        """The bench of a spec; NumPy takes part in single operations."""
        if spec["kind"] != "operation":
            raise NotImplementedError(f"NumPy has no {spec['kind']}")
        function = OPERATIONS[spec["operation"]]
        operands = read_operands(spec["file"])

        def run(count: int) -> None:
            for _ in range(count):
                function(*operands)

        def check() -> list[float]:
            return np.ravel(function(*operands))[:1000].tolist()

        return Bench(run, check)


def softmax(a: np.ndarray) -> np.ndarray:
    """The softmax of the rows of a (N, C)."""
    shifted = np.exp(a - a.max(axis=-1, keepdims=True))
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return shifted


OPERATIONS: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add,
    "exp": np.exp,
    "tanh": np.tanh,
    "sum": np.sum,
    "sum0": lambda a: np.sum(a, axis=0),
    "matmul": np.matmul,
    "copy": lambda a, b: np.copyto(b, a) or b,
    "softmax": softmax,
}
