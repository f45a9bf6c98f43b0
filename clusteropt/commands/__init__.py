"""The work of the commands, behind their signatures."""
