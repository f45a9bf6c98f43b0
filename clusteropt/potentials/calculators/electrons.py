"""The charges and multiplicities that a cluster can have, by the electrons that a calculator counts."""

import json
from bisect import bisect_right
from collections.abc import Sequence

from clusteropt.potentials.calculators.recipe import SHORT, Recipe

# of GFN1-xTB, GFN2-xTB and IPEA1-xTB: first atomic numbers, and the electrons of the core from there on
_CORES = ((1, 0), (3, 2), (11, 10), (19, 18), (30, 28), (37, 36), (48, 46), (55, 54), (72, 68), (80, 78))
_LANTHANIDES = range(58, 72)  # three valence electrons each: those in f are of the core
_LAST = 86  # up to which tight binding has numbers


def electron_fault(recipe: Recipe, numbers: Sequence[int]) -> str:
    """The sentence about a multiplicity or charge that atoms of these atomic numbers cannot have; empty for what they can."""
    fault = _fault(recipe, numbers)
    return f"calculator {recipe.name}: {fault}: correct --calculator-options" if fault else ""


def _fault(recipe: Recipe, numbers: Sequence[int]) -> str:
    options = json.loads(recipe.options)
    charge, multiplicity = options.get("charge") or 0, options.get("multiplicity")
    in_valence = recipe.place == SHORT["tblite"].place and max(numbers, default=0) <= _LAST
    all_ = sum(map(valence_electrons, numbers)) if in_valence else sum(numbers)
    kind, n = "valence electrons" if in_valence else "electrons, cores included", all_ - charge
    if n < 0:
        return f"charge={charge:g} is more than its {all_} {kind}"
    if multiplicity is None or n != int(n):
        return ""
    if multiplicity > n + 1:
        return f"with {int(n)} {kind}, the multiplicity is at most {int(n) + 1}, not {multiplicity}"
    if (int(n) + 1 - multiplicity) % 2 == 0:
        return ""
    other = "odd: 1, 3, 5" if n % 2 == 0 else "even: 2, 4, 6"
    return f"with {int(n)} {kind}, the multiplicity is {other} ..., not {multiplicity}"


def valence_electrons(number: int) -> int:
    """The electrons of an atom in tight binding, by its atomic number up to 86: those that GFN1-xTB does not leave to the core.

    S. Grimme, C. Bannwarth and P. Shushkov, doi:10.1021/acs.jctc.7b00118.
    """
    if number in _LANTHANIDES:
        return 3
    return number - _CORES[bisect_right(_CORES, (number, number)) - 1][1]
