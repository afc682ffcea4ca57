"""From sampled completions to training examples: which are kept, and why the others are dropped."""
