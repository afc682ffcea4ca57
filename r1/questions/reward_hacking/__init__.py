"""Reward hacking, watched: when does a policy find a hole of known size, and does anything see it first?"""
