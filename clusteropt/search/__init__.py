"""From structures to their lowest minima: local minimization, hops, and their starts."""
