"""scikit-learn, for the estimators: the MLPClassifier that backlit's takes its names from."""

import sklearn
from sklearn.neural_network import MLPClassifier

from ..bench import Bench
from ..fitting import fit_bench


class System:
    """There is one variant; the threads come from the environment."""

    def __init__(self, variant: str, threads: int) -> None:
        pass

    def versions(self) -> dict[str, str]:
        """scikit-learn's version."""
        return {"scikit-learn": sklearn.__version__}

    def build(self, spec: dict) -> Bench:
        """The bench of a spec; scikit-learn takes part in fits."""
        if spec["kind"] != "fit":
            raise NotImplementedError(f"scikit-learn has no {spec['kind']}")
        return fit_bench(MLPClassifier, spec)
