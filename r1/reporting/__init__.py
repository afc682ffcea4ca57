"""Figures, the report, and `inspect`."""
