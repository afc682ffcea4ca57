"""How few prompts, how weak a base and how small a model RL still learns from."""
