"""Which families gain from RL on others, and what do reasoning and preference do to each other?"""
