"""Measurements behind the decision records; run by hand."""
