"""Reinforcement learning of a policy, with TRL's trainers."""
