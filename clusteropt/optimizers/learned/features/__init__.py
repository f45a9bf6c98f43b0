"""Features of units that a network may be shown, one file each, all in one table."""
