"""Which prompts there are: problems by split, and general prompts with preferences."""
