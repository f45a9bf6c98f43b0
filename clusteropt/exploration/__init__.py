"""The adaptive search of a composition: kinds of starts and moves, what they bring for their cost, and what was found."""
