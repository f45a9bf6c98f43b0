"""The process and its machine: jax, devices, files, signals, and the cache of compiled programs."""
