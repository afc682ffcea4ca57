"""What SFT, RL and reward-model training share, on top of transformers' and TRL's trainers."""
