"""Sweeps, starting points, stages and adapters from elsewhere as recipes say them. No torch."""
