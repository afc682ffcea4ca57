"""Talking to the recipe's models: on the terminal, and as an OpenAI-compatible server on this machine."""
