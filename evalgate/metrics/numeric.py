"""Answers that are numbers: right within a tolerance, whatever stands around them."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from evalgate.core.numbers import EXACT, Extract, number_of
from evalgate.core.results import MetricSpec
from evalgate.metrics.options import amount_option, choice_option, refuse_options
from evalgate.metrics.references import BestReference
from evalgate.metrics.scoring import Options

# The word in `detail` for an answer in which no number stands.
NO_NUMBER = "no-number"


class NumericMatch(BestReference):
    """1 where the answer's number is within `tolerance` or `relative` (a share of the reference) of a reference's.

    `extract` says which number of the answer counts: the last, the first, or only one that is the whole answer. An
    answer without a number is wrong, with the detail `no-number`.
    """

    def __init__(self, options: Options) -> None:
        refuse_options("numeric_match", options, ("tolerance", "relative", "extract"))
        absolute = amount_option("numeric_match", options, "tolerance")
        relative = amount_option("numeric_match", options, "relative")
        self._extract = cast(Extract, choice_option("numeric_match", options, "extract", ("last", "first", "whole")))
        # Through the shortest text, so that 0.1 means a tenth.
        self._absolute, self._relative = Decimal(repr(absolute)), Decimal(repr(relative))
        signature = f"number:{self._extract}|abs:{absolute:g}|rel:{relative:g}|percent:1/100|v1"
        super().__init__(MetricSpec(name="numeric_match", unit="fraction", better="higher", signature=signature))

    def against(self, output: str, reference: str) -> float:
        """1 or 0."""
        found, wanted = number_of(output, self._extract), number_of(reference)
        if found is None or wanted is None:
            return 0.0
        allowed = max(self._absolute, EXACT.multiply(self._relative, abs(wanted)))
        return float(abs(EXACT.subtract(found, wanted)) <= allowed)

    def detail(self, output: str) -> str | None:
        """`no-number` where the answer holds none."""
        return NO_NUMBER if number_of(output, self._extract) is None else None
