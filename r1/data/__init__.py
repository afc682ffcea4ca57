"""The prompts: problems by split, and general prompts with preferences."""
