"""A surrogate: a cheap potential fitted to a calculator's own values, whose low minima a search tries with the calculator."""
