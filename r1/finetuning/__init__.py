"""Supervised training: pretraining of a base, fine-tuning on completions, preference models."""
