"""Models, tokenizers and chat templates: creating, loading and saving them."""
