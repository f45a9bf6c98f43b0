"""How good a search is: hits of best-known minima, and what one costs in evaluations and seconds."""
