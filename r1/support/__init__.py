"""What every room stands on: errors, artifacts on disk, tables, progress, processes. Nothing here decides a result."""
