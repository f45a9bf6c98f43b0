"""The process and its machine: jax and its devices, files, signals, the cache of programs."""
