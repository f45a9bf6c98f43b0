"""The quality of a search: its hits of best-known minima, and the evaluations and seconds that a hit costs."""
