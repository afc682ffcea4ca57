"""The text that the miniature's bases are pretrained on, the internet of this small world, and its tokenizer."""
