"""The engine's network as scikit-learn estimators, for pipelines, grid searches and joblib: names,
defaults and numbers are those of `sklearn.neural_network`, wherever both have a thing.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from .estimating import MLP
from .estimator_parameters import check_parameters
from .perceptron import Output
from .scikit import (
    ClassifierMixin,
    RegressorMixin,
    accuracy_score,
    check_classification_targets,
    expit,
    log_expit,
    log_softmax,
    r2_score,
    softmax,
    type_of_target,
    unique_labels,
)

__all__ = ["MLPClassifier", "MLPRegressor"]


class MLPClassifier(ClassifierMixin, MLP):
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
        check_parameters(self)
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


class MLPRegressor(RegressorMixin, MLP):
    """A multi-layer perceptron that predicts values, trained by backlit's engine.

    A drop-in for `sklearn.neural_network.MLPRegressor`; `MLPClassifier` has the parameters and what
    is different. The loss is half the squared error, of several outputs the sum, and there is no
    other. y is taken as it is: scale what is far from 1, for one by
    `sklearn.compose.TransformedTargetRegressor`.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> model = MLPRegressor((32,), learning_rate_init=0.01, batch_size=20, random_state=0)
    >>> bool(model.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.95)
    True
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch over some rows."""
        check_parameters(self)
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
