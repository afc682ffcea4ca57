"""Reinforcement learning of a policy, on TRL's trainers."""
