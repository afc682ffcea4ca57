"""What a run will cost, before anything starts: tokens, FLOPs, memory, hours, dollars. Imports no torch."""
