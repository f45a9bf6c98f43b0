"""The search of a composition as programs see it: under way with its database, its result, and the function `search`."""
