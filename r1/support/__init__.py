"""Shared utilities: errors, artifacts on disk, tables, progress, processes. Nothing here affects results."""
