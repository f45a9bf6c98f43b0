"""The forms of potentials that ship with the program: one module each, which ends in its record FORM."""
