"""The door to scikit-learn for the estimators: what they use of it, and what to say where it is not
installed.
"""

from __future__ import annotations

try:
    from scipy.special import expit, log_expit, log_softmax, softmax
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
    from sklearn.utils.validation import _check_sample_weight as check_sample_weight
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    from ..errors import MissingPackageError

    raise MissingPackageError(
        "MLPClassifier and MLPRegressor are scikit-learn estimators, and scikit-learn of version "
        f'1.6 or later is not installed ({error}); run: pip install "backlit[learn]"'
    ) from None

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "ConvergenceWarning",
    "RegressorMixin",
    "accuracy_score",
    "check_classification_targets",
    "check_is_fitted",
    "check_random_state",
    "check_sample_weight",
    "column_or_1d",
    "expit",
    "log_expit",
    "log_softmax",
    "r2_score",
    "softmax",
    "train_test_split",
    "type_of_target",
    "unique_labels",
    "validate_data",
]
