"""What built-in metrics read of an example, by name: a suite that lacks it is refused when it is frozen."""

LABEL_METRICS = frozenset(
    (
        "accuracy", "macro_f1", "micro_f1", "weighted_f1", "balanced_accuracy", "mcc", "class_precision",
        "class_recall", "class_f1", "ece",
    )
)  # fmt: skip
# Of these a reference is a JSON value.
JSON_METRICS = frozenset(("field_precision", "field_recall", "field_f1", "exact_object"))
