"""Settings of the commands, from TOML files and the command line."""
