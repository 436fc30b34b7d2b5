"""Carrying a plan out: predictions and timings, recorded as they come."""
