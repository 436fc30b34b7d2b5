"""Simulates evalgate's gates, and other tools' rules beside them, and writes docs/calibration.md."""
