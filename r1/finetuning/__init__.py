"""Supervised training: pretraining a base model, fine-tuning on completions, and reward models."""
