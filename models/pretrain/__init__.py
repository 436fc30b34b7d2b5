"""Synthetic pretraining text: general in-context skills over invented facts."""
