"""From sampled completions to training examples: what is kept, and why the rest is not."""
