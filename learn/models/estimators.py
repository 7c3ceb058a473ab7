"""The engine's network as scikit-learn estimators, for pipelines, grid searches and joblib: names,
defaults and numbers are those of `sklearn.neural_network`, wherever both have a thing.
"""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ...engine import Generator, NonFiniteLossError
from .perceptron import ACTIVATIONS, Output, Perceptron, Solver, drawn_layers

__all__ = ["MLPClassifier", "MLPRegressor"]


class _MLP(BaseEstimator):
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
        self._check_parameters()
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
        size = self._batch_rows(len(X))
        self._network.use(self._solver(size, weight))
        self._train(X, target, weight, size, aside)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, fresh: bool) -> Self:
        """One epoch with the optimizer as it is."""
        if self.early_stopping:
            raise ValueError("partial_fit sees a part of the rows only: set early_stopping=False")
        X, y, weight = self._validated(X, y, sample_weight, fresh)
        target, output, outputs = self._targets(y, True)
        size = self._batch_rows(len(X))
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
        weight = _check_sample_weight(sample_weight, X, dtype=np.float32, ensure_non_negative=True)
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
        sizes = [features, *self._hidden(), outputs]
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

    # ---- parameters ----------------------------------------------------------------------------

    def _hidden(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        return [int(n) for n in (sizes if np.iterable(sizes) else [sizes])]

    def _batch_rows(self, rows: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, rows)
        if self.batch_size > rows:
            warnings.warn(
                f"batch_size is {self.batch_size} and there are {rows} rows: all are one batch",
                stacklevel=3,
            )
        return min(int(self.batch_size), rows)

    def _check_parameters(self) -> None:
        """Refuse what cannot be trained with, naming the parameter."""
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if np.iterable(sizes) else [sizes]
        if not all(_is_integer(n) and n >= 1 for n in sizes):
            raise ValueError(f"hidden_layer_sizes are integers from 1 on, got {sizes}")
        for name, allowed in (("activation", ACTIVATIONS), ("solver", ("adam", "sgd"))):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}, got {value!r}")
        if self.batch_size != "auto":
            self._integer("batch_size")
        self._integer("max_iter")
        self._number("n_iter_no_change", 1, np.inf, closed=True)
        self._number("alpha", 0, np.inf)
        self._number("tol", 0, np.inf)
        self._number("momentum", 0, 1)
        self._number("beta_1", 0, 1)
        self._number("beta_2", 0, 1)
        self._number("validation_fraction", 0, 1)
        for name in ("learning_rate_init", "epsilon"):
            self._number(name, 0, np.inf)
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is above 0, got {getattr(self, name)!r}")

    def _integer(self, name: str) -> None:
        value = getattr(self, name)
        if not _is_integer(value) or value < 1:
            raise ValueError(f"{name} is an integer from 1 on, got {value!r}")

    def _number(self, name: str, least: float, below: float, closed: bool = False) -> None:
        value: Any = getattr(self, name)
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else np.nan
        if not (least <= number < below or (closed and number == below)):
            raise ValueError(f"{name} is a number from {least} to below {below}, got {value!r}")


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


class MLPClassifier(ClassifierMixin, _MLP):
    """A multi-layer perceptron that tells classes apart, trained by backlit's engine.

    A drop-in for `sklearn.neural_network.MLPClassifier`: parameters have its names, defaults and
    meaning, and a run begins from the same weights for the same `random_state`. It computes in
    float32, and several times as fast on tables of this size. Not there: the solver "lbfgs",
    schedules of the learning rate, sparse inputs. `loss_curve_` is without the penalty of `alpha`,
    and `shuffle` draws other orders.

    Labels may be of any kind; y (rows, labels) of 0 and 1 is a multi-label problem. Rows may have
    weights.

    Parameters
    ----------
    hidden_layer_sizes : units of each hidden layer.
    activation : "relu", "tanh", "logistic" or "identity".
    solver : "adam", with beta_1, beta_2, epsilon; or "sgd", with momentum, nesterovs_momentum.
    alpha : the weight of |w|² / 2 over the rows of a batch; biases are free.
    batch_size : rows of a batch; "auto" is 200, or all where there are fewer.
    learning_rate_init : the learning rate.
    max_iter : epochs at most; reaching them is a ConvergenceWarning.
    shuffle : a new order for each epoch.
    random_state : decides first weights, orders, and the rows that are kept aside.
    tol, n_iter_no_change : stop when more than so many epochs in a row have not gained `tol`.
    early_stopping, validation_fraction : keep so many rows aside, stop by their score, and keep the
        weights of the best one.
    warm_start : go on with the weights of the last fit.
    verbose : print the loss of each epoch.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((16,), learning_rate_init=0.01, batch_size=16, random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.95), model.predict_proba(X[:2]).shape
    (True, (2, 3))
    """

    classes_: np.ndarray

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch over some rows. The first call needs all `classes` there will ever be."""
        self._check_parameters()
        fresh = not hasattr(self, "_network")
        if fresh and classes is None:
            raise ValueError("the first call of partial_fit needs classes: all that there will be")
        if fresh:
            multi = type_of_target(y).startswith("multilabel")
            self.classes_ = np.asarray(classes) if multi else unique_labels(classes)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"classes={classes!r} are not those of the first call, {self.classes_.tolist()}"
            )
        return self._partial_fit(X, y, sample_weight, fresh)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (rows, classes) float64, in the order of `classes_`.

        Of a multi-label problem (rows, labels): how likely each label is.
        """
        outputs = self._outputs(X).astype(np.float64)
        if self._network.output == "softmax":
            return softmax(outputs, axis=1)
        if self._multilabel:
            return expit(outputs)
        return np.hstack([expit(-outputs), expit(outputs)])

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Their logarithms, exact where a probability itself rounds to 0."""
        outputs = self._outputs(X).astype(np.float64)
        if self._network.output == "softmax":
            return log_softmax(outputs, axis=1)
        if self._multilabel:
            return log_expit(outputs)
        return np.hstack([log_expit(-outputs), log_expit(outputs)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _targets(self, y: np.ndarray, known: bool) -> tuple[np.ndarray, Output, int]:
        check_classification_targets(y)
        self._multilabel = y.ndim == 2
        if self._multilabel:
            if type_of_target(y) != "multilabel-indicator":
                raise ValueError("y with several columns is 0 and 1: whether a row has a label")
            if not known:
                self.classes_ = np.arange(y.shape[1])
            return y.astype(np.float32), "logistic", y.shape[1]
        if not known:
            self.classes_ = np.unique(y)
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise ValueError(
                f"y has the classes {strange.tolist()}, and this network knows "
                f"{self.classes_.tolist()}; begin a new one"
            )
        count = len(self.classes_)
        if count < 2:
            raise ValueError(
                f"there is one class only, {self.classes_.tolist()}: at least two are needed"
            )
        numbers = np.searchsorted(self.classes_, y)
        if count == 2:
            return numbers.astype(np.float32)[:, None], "logistic", 1
        return numbers.astype(np.int64), "softmax", count

    def _answer(self, outputs: np.ndarray) -> np.ndarray:
        if self._network.output == "softmax":
            return self.classes_[outputs.argmax(axis=1)]
        if self._multilabel:
            return (outputs > 0).astype(int)
        return self.classes_[(outputs[:, 0] > 0).astype(int)]

    def _validation_score(self, y: np.ndarray, outputs: np.ndarray, weight: Any) -> float:
        return float(accuracy_score(y, self._answer(outputs), sample_weight=weight))


class MLPRegressor(RegressorMixin, _MLP):
    """A multi-layer perceptron that predicts values, trained by backlit's engine.

    A drop-in for `sklearn.neural_network.MLPRegressor`; `MLPClassifier` has the parameters and what
    is different. The loss is half the squared error, of several outputs the sum. y is taken as it
    is: scale what is far from 1, by `sklearn.compose.TransformedTargetRegressor` for one.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> model = MLPRegressor((32,), learning_rate_init=0.01, batch_size=20, random_state=0)
    >>> bool(model.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.95)
    True
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch over some rows."""
        self._check_parameters()
        return self._partial_fit(X, y, sample_weight, not hasattr(self, "_network"))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _targets(self, y: np.ndarray, known: bool) -> tuple[np.ndarray, Output, int]:
        with np.errstate(over="ignore"):
            target = y.astype(np.float32).reshape(len(y), -1)
        if not np.isfinite(target).all():
            raise ValueError("y has values that are too large for float32; scale it")
        return target, "identity", target.shape[1]

    def _answer(self, outputs: np.ndarray) -> np.ndarray:
        values = outputs.astype(np.float64)
        return values[:, 0] if values.shape[1] == 1 else values

    def _validation_score(self, y: np.ndarray, outputs: np.ndarray, weight: Any) -> float:
        return float(r2_score(y, self._answer(outputs), sample_weight=weight))
