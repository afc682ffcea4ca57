"""Evaluation: metrics of a model, their confidence intervals, and the paper's claims that they support."""
