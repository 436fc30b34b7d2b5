"""Accepted baselines: their scores and digests, kept so that a candidate can be gated without asking them again."""
