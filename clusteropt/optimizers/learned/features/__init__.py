"""Features of units that a network may be shown: one module each, which ends in its record FEATURE."""
