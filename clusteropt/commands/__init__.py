"""The commands: each function does the work behind one signature of `cli/`."""
