"""The runner, on top of the library: configuration in, artifact with manifest out. Nothing below imports it."""
