"""Architectures and chat templates: how models are made, loaded and saved."""
