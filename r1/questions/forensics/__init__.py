"""What can be inferred from a released model: its training data, its teacher, and what made it?"""
