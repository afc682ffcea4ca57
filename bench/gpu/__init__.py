"""What one GPU shows in 25 minutes; see `python -m bench.gpu --help`."""
