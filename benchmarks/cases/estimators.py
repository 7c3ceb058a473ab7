"""A whole `fit` of scikit-learn's kind: input checks, first weights, epochs with their loss curve,
and the rule that may stop them; backlit's MLPClassifier beside scikit-learn's."""

from .case import Case, Group, Measure

EPOCHS = 20

GROUP = Group(
    name="estimators",
    title="MLPClassifier.fit",
    note="1,437 digits, a 64-128-10 network, Adam (rate 1e-3), batches of 32, shuffled, 20 epochs; "
    "a new estimator each time. Both begin from the same weights; with `shuffle=False` the losses "
    "of the first epochs must agree. scikit-learn computes in float32 as well.",
    cases=(
        Case(
            (Measure("fit-digits", "fit, digits, 20 epochs", "ms", 1e3),),
            ("backlit", "sklearn"),
            {
                "kind": "fit",
                "hidden": (128,),
                "batch": 32,
                "epochs": EPOCHS,
                "learning_rate": 1e-3,
                "checked": 3,
            },
            tolerance=1e-3,
        ),
    ),
)
