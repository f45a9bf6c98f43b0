"""Inner problems: objectives that one inner loop minimizes, behind one protocol."""
