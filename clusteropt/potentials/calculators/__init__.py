"""Calculators of ASE in place of a potential: recipes, worker processes, and scales that are found by themselves."""
