"""The tests and intervals behind every gate. NumPy and `scipy.special` only; no randomness without a seed."""
