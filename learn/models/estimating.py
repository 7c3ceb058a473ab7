"""What the estimators have in common: their parameters, how data comes in, how long they train. The
network itself is in perceptron.py.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal, Self

import numpy as np

from ...engine import Generator, NonFiniteLossError
from .estimator_parameters import check_parameters, hidden_sizes
from .perceptron import Output, Perceptron, Solver, drawn_layers
from .scikit import (
    BaseEstimator,
    ConvergenceWarning,
    check_is_fitted,
    check_random_state,
    check_sample_weight,
    column_or_1d,
    train_test_split,
    validate_data,
)


class MLP(BaseEstimator):
    """What the classifier and the regressor have in common."""

    _network: Perceptron

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change

    # ---- what a subclass writes ----------------------------------------------------------------

    def _targets(self, y: np.ndarray, known: bool) -> tuple[np.ndarray, Output, int]:
        """What the loss compares with, the last activation, the number of outputs.

        With `known` classes are those of the fit before.
        """
        raise NotImplementedError

    def _answer(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions from a network's outputs."""
        raise NotImplementedError

    def _validation_score(self, y: np.ndarray, outputs: np.ndarray, weight: Any) -> float:
        """How good they are on rows kept aside."""
        raise NotImplementedError

    # ---- what is called ------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train until the loss stops falling, or for `max_iter` epochs.

        X is (rows, features); y (rows,), or (rows, outputs) for several. With `warm_start` it goes
        on with the weights of the fit before. Raises ValueError for parameters and data that cannot
        be trained with, and where the loss becomes infinite or NaN.
        """
        check_parameters(self)
        fresh = not (self.warm_start and hasattr(self, "_network"))
        X, y, weight = self._validated(X, y, sample_weight, fresh)
        target, output, outputs = self._targets(y, not fresh)
        random = check_random_state(self.random_state)
        if fresh:
            self._begin(X.shape[1], output, outputs, random)
        elif output != self._network.output or outputs != self._network.sizes[-1]:
            raise ValueError(
                f"warm_start goes on with a network of {self._network.sizes[-1]} outputs, and this "
                f"y needs {outputs}; set warm_start=False to begin anew"
            )
        aside = None
        if self.early_stopping:
            X, target, weight, aside = self._put_aside(X, y, target, weight, output, random)
        if fresh:  # after the rows to keep aside are drawn, which are then scikit-learn's
            self._network.generator = Generator(random.randint(2**31 - 1))
        size = self._rows_of_a_batch(len(X))
        self._network.use(self._solver(size, weight))
        self._train(X, target, weight, size, aside)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, fresh: bool) -> Self:
        """One epoch with the optimizer as it is."""
        if self.early_stopping:
            raise ValueError("partial_fit sees a part of the rows only: set early_stopping=False")
        X, y, weight = self._validated(X, y, sample_weight, fresh)
        target, output, outputs = self._targets(y, True)
        size = self._rows_of_a_batch(len(X))
        if fresh:
            random = check_random_state(self.random_state)
            self._begin(X.shape[1], output, outputs, random)
            self._network.generator = Generator(random.randint(2**31 - 1))
            self._network.use(self._solver(size, weight))
        self._epochs(X, target, weight, size, 1)
        self.n_iter_ = 1
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Classes or values of X (rows, features)."""
        return self._answer(self._outputs(X))

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._network.outputs(self._as_inputs(X))

    def _as_inputs(self, X: Any) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):  # it is an error in words anyway
            return validate_data(self, X, dtype=np.float32, reset=False)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Copies of each layer's weights (inputs, outputs)."""
        return [weights for weights, _ in self._fitted().layers]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Copies of each layer's biases (outputs,)."""
        return [biases for _, biases in self._fitted().layers]

    @property
    def n_layers_(self) -> int:
        """Layers, the inputs counted as one."""
        return len(self._fitted().sizes)

    @property
    def n_outputs_(self) -> int:
        """Outputs of the network: 1 for two classes."""
        return self._fitted().sizes[-1]

    @property
    def out_activation_(self) -> str:
        """What follows the last layer."""
        return self._fitted().output

    def _fitted(self) -> Perceptron:
        if not hasattr(self, "_network"):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet; call fit() first")
        return self._network

    # ---- data ----------------------------------------------------------------------------------

    def _validated(
        self, X: Any, y: Any, sample_weight: Any, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Checked arrays; rows of weight 0 are left out, as if they were not there."""
        with np.errstate(over="ignore", invalid="ignore"):
            X, y = validate_data(
                self, X, y, dtype=np.float32, order="C", multi_output=True, reset=reset
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if sample_weight is None:
            return X, y, None
        weight = check_sample_weight(sample_weight, X, dtype=np.float32, ensure_non_negative=True)
        kept = weight > 0
        if not kept.any():
            raise ValueError("every row has the sample_weight 0: there is nothing to learn from")
        return (X, y, weight) if kept.all() else (X[kept], y[kept], weight[kept])

    def _put_aside(
        self, X: np.ndarray, y: np.ndarray, target: np.ndarray, weight: np.ndarray | None,
        output: Output, random: np.random.RandomState,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, tuple[Any, ...]]:  # fmt: skip
        """Rows to train on, and rows that say when to stop."""
        stratify = y if output != "identity" and y.ndim == 1 else None
        rows, kept = train_test_split(
            np.arange(len(X)), random_state=random, test_size=self.validation_fraction,
            stratify=stratify,
        )  # fmt: skip
        if len(kept) < 2:
            raise ValueError(
                f"{len(kept)} row is too few to say when to stop; raise validation_fraction"
            )
        own, other = (None, None) if weight is None else (weight[rows], weight[kept])
        return X[rows], target[rows], own, (X[kept], y[kept], other)

    # ---- training ------------------------------------------------------------------------------

    def _begin(
        self, features: int, output: Output, outputs: int, random: np.random.RandomState
    ) -> None:
        """A new network."""
        sizes = [features, *hidden_sizes(self.hidden_layer_sizes), outputs]
        layers = drawn_layers(sizes, self.activation, random)
        self._network = Perceptron(layers, self.activation, output, self._solver(1, None))
        self.n_iter_ = self.t_ = 0
        self.loss_curve_: list[float] = []
        self.best_loss_: float | None = None if self.early_stopping else np.inf
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_: float | None = -np.inf if self.early_stopping else None
        self._without_gain = 0

    def _solver(self, rows: int, weight: np.ndarray | None) -> Solver:
        """scikit-learn's penalty is alpha / 2 |w|² over the weight of a batch."""
        share = 1.0 if weight is None else float(weight.mean(dtype=np.float64))
        return Solver(
            self.solver, float(self.learning_rate_init), float(self.alpha) / (rows * share),
            float(self.beta_1), float(self.beta_2), float(self.epsilon), float(self.momentum),
            bool(self.nesterovs_momentum),
        )  # fmt: skip

    def _train(
        self, X: np.ndarray, target: np.ndarray, weight: np.ndarray | None, size: int,
        aside: tuple[Any, ...] | None,
    ) -> None:  # fmt: skip
        """Epochs until nothing is gained any more."""
        best = self._network.layers if aside else None
        self.n_iter_ = 0
        while self.n_iter_ < self.max_iter and self._without_gain <= self.n_iter_no_change:
            # it cannot stop before so many epochs have gained nothing: they are run in one go
            most = self.n_iter_no_change - self._without_gain + 1
            count = 1 if aside or self.verbose else int(min(most, self.max_iter - self.n_iter_))
            for loss in self._epochs(X, target, weight, size, count):
                self.n_iter_ += 1
                if self.verbose:
                    print(f"Iteration {self.n_iter_}, loss = {loss:.8f}")
                if aside is None:
                    self._gained(loss)
                elif self._validated_better(*aside):
                    best = self._network.layers
        if best is not None:
            self._network.set_layers(best)
        if self._without_gain <= self.n_iter_no_change:
            warnings.warn(
                f"{self.max_iter} epochs (max_iter) are done and the "
                f"{'validation score' if aside else 'loss'} has still gained {self.tol} within the "
                f"last {self.n_iter_no_change}: more may be learned with a larger max_iter",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif self.verbose:
            print(f"No gain of {self.tol:f} for {self.n_iter_no_change} epochs in a row. Stopping.")

    def _rows_of_a_batch(self, rows: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, rows)
        if self.batch_size > rows:
            warnings.warn(
                f"batch_size is {self.batch_size} and there are {rows} rows: all are one batch",
                stacklevel=3,
            )
        return min(int(self.batch_size), rows)

    def _epochs(
        self, X: np.ndarray, target: np.ndarray, weight: np.ndarray | None, size: int, count: int
    ) -> list[float]:
        """Their losses; the network is left as it was where one is not finite."""
        try:
            losses = self._network.run(X, target, weight, size, count, bool(self.shuffle))
        except NonFiniteLossError as problem:
            del self._network
            raise ValueError(
                f"the loss became infinite or NaN, {problem}: lower learning_rate_init "
                f"({self.learning_rate_init:g}), or scale the inputs and targets to about 1"
            ) from None
        self.loss_curve_ += losses
        self.loss_ = losses[-1]
        self.t_ += count * len(X)
        return losses

    def _gained(self, loss: float) -> None:
        """Count the epochs whose loss is not `tol` below the best one."""
        best = np.inf if self.best_loss_ is None else self.best_loss_
        self._without_gain = self._without_gain + 1 if loss > best - self.tol else 0
        self.best_loss_ = min(best, loss)

    def _validated_better(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> bool:
        """Score the rows kept aside; whether it is the best score yet."""
        score = self._validation_score(y, self._network.outputs(X), weight)
        scores = self.validation_scores_ = [*(self.validation_scores_ or ()), score]
        if self.verbose:
            print(f"Validation score: {scores[-1]:f}")
        best = -np.inf if self.best_validation_score_ is None else self.best_validation_score_
        self._without_gain = self._without_gain + 1 if score < best + self.tol else 0
        self.best_validation_score_ = max(best, score)
        return score > best
