"""BERTScore F1 by any local encoder (Zhang et al. 2020), without idf weights and without rescaling."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from evalgate.core.errors import UsageError
from evalgate.core.protocols import Array
from evalgate.core.results import MetricSpec
from evalgate.metrics.options import refuse_options, whole_option
from evalgate.metrics.references import BestReference
from evalgate.metrics.scoring import Options

Vectors = tuple[Array, Array]
Open = Callable[[str, int], tuple[Callable[[str], Vectors], str]]
KEPT_TEXTS = 256


class BertScore(BestReference):
    """How well the tokens of answer and reference fit each other in context: F1 of the best cosines, in [0, 1].

    `encoder` is a folder or a hub id, `layer` the layer whose vectors are compared, `digest` that of the encoder's
    files, so that the signature names weights and not a name. They are read with the first answer. Raises
    `bad-metric-option`, or `encoder-differs` for other files.
    """

    holds_model = True

    def __init__(self, open_encoder: Open, options: Options) -> None:
        refuse_options("bert_score", options, ("encoder", "layer", "digest"))
        self._encoder, self._digest = str(options.get("encoder", "")), str(options.get("digest", ""))
        if not self._encoder or not self._digest or "layer" not in options:
            raise UsageError(
                "the metric bert_score needs the options encoder, layer and digest",
                code="bad-metric-option",
                fix="e.g. `{encoder: models/encoder, layer: 8, digest: ...}`; a wrong digest is told the right one",
            )
        self._layer = whole_option("bert_score", options, "layer", 1, most=1_000)
        self._open, self._vectors = open_encoder, lru_cache(maxsize=KEPT_TEXTS)(self._vectors_of)
        self._opened: Callable[[str], Vectors] | None = None
        signature = f"encoder:{self._digest}|layer:{self._layer}|idf:no|rescaled:no|refs:max|v1"
        super().__init__(MetricSpec(name="bert_score", unit="fraction", better="higher", signature=signature))

    def against(self, output: str, reference: str) -> float:
        """F1; 0 where either text has no token of its own."""
        given, n_given = self._vectors(output)
        wanted, n_wanted = self._vectors(reference)
        if not n_given.sum() or not n_wanted.sum():
            return 0.0
        cosines = given @ wanted.T
        precision = float((cosines.max(axis=1) * n_given).sum() / n_given.sum())
        recall = float((cosines.max(axis=0) * n_wanted).sum() / n_wanted.sum())
        if precision + recall <= 0:
            return 0.0
        return min(1.0, max(0.0, 2 * precision * recall / (precision + recall)))

    def _vectors_of(self, text: str) -> Vectors:
        if self._opened is None:
            self._opened, digest = self._open(self._encoder, self._layer)
            if digest != self._digest:
                raise UsageError(
                    "the encoder of bert_score is another one than declared: "
                    f"expected {self._digest[:12]}, found {digest[:12]}",
                    code="encoder-differs",
                    fix=f"restore its files, or declare these: `digest: {digest}`",
                    where=self._encoder,
                )
        return self._opened(text)
