"""Report, figures, generated sections of the documentation, and `inspect`."""
