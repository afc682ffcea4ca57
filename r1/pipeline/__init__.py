"""The pipeline runner: from a configuration to an artifact with a manifest. The library does not import it."""
