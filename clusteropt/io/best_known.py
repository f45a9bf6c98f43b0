"""The table of best-known minima: the lowest energies that were published or that this program has found."""

import csv
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from clusteropt.runtime.resources import shipped

if TYPE_CHECKING:
    from clusteropt.potentials.base import Potential


@cache
def _table() -> dict[tuple[str, str], float]:
    """(potential, formula) -> energy in the potential's unit; the formula as `formula_of` writes it."""
    text = (shipped("potentials") / "best_known.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {(row["potential"], row["formula"]): float(row["energy"]) for row in rows}


def formula_of(symbols: Sequence[str]) -> str:
    """Elements in alphabetical order, each with its count: 'Au30Cu30', 'X38'."""
    return "".join(f"{symbol}{count}" for symbol, count in sorted(Counter(symbols).items()))


def best_known(potential: "Potential", symbols: Sequence[str]) -> float | None:
    """The best-known energy of that composition, in the potential's unit; None where the table has none.

    A set that equals one of X in reduced units, as Lennard-Jones for argon, takes the energies of X times its energy scale. The
    table has six decimals, so these energies are precise to six decimals in units of that scale.
    """
    if potential.reduced_set:
        reduced = table_energy(potential.reduced_set, ["X"] * len(symbols))
        return None if reduced is None else reduced * potential.energy
    return table_energy(potential.name, symbols)


def table_energy(potential: str, symbols: Sequence[str]) -> float | None:
    """The energy that the table has for the parameter set of that name, in its unit; None without an entry."""
    return _table().get((potential, formula_of(symbols)))
