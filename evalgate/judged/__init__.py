"""Judges at work: what can be known before a run, and asking them."""
