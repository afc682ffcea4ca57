"""SFT, RL and reward models: thin layers over transformers' and TRL's trainers."""
