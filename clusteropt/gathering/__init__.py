"""Results of any command, read from their files as records."""
