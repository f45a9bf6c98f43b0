"""The table of best-known minima: the lowest energies that were published or that this program has found."""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clusteropt.errors import InputError, UsageError
from clusteropt.runtime.resources import shipped
from clusteropt.search.starts import symbols_of

if TYPE_CHECKING:
    from clusteropt.potentials.base import Potential


Table = Mapping[tuple[str, str], float]  # energies in the unit of the potential, by potential and formula
_COLUMNS = ("potential", "formula", "energy")


@cache
def _table() -> Table:
    """The table that comes with the program; the formulas as `full_formula` writes them."""
    text = (shipped("potentials") / "best_known.csv").read_text(encoding="utf-8")
    return {(row["potential"], row["formula"]): float(row["energy"]) for row in _rows(text)}


def _rows(text: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))


def table_of(path: str) -> Table:
    """A table of a user's own, a CSV file with the columns potential, formula and energy.

    Raises InputError where it cannot be read, or a row has no formula or no energy.
    """
    try:
        rows = [*_rows(Path(path).read_text(encoding="utf-8-sig"))]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise InputError(
            f"{path}: cannot be read as a table ({getattr(problem, 'strerror', None) or problem})"
        ) from None
    if not rows:
        raise InputError(f"{path}: has no rows: write some below the line {','.join(_COLUMNS)}")
    return dict(_entry(row, f"{path}: row {k}") for k, row in enumerate(rows, 1))


def _entry(row: dict[str, str], label: str) -> tuple[tuple[str, str], float]:
    potential, formula, energy = ((row.get(name) or "").strip() for name in _COLUMNS)
    try:
        key, value = (potential, full_formula(symbols_of(formula))), float(energy)
    except (UsageError, ValueError):
        key, value = ("", ""), math.nan
    if not potential or not math.isfinite(value):
        raise InputError(f"{label} has no potential, formula and energy: begin with the line potential,formula,energy")
    return key, value


def full_formula(symbols: Sequence[str]) -> str:
    """Elements in alphabetical order, each with its count: 'Au30Cu30', 'X38'."""
    return "".join(f"{symbol}{count}" for symbol, count in sorted(Counter(symbols).items()))


def best_known(potential: "Potential", symbols: Sequence[str], own: Table | None = None) -> float | None:
    """The best-known energy of that composition, in the potential's unit; None where no table has one.

    An `own` table is asked first.

    A set that equals one of X in reduced units, as Lennard-Jones for argon, takes the energies of X times its energy scale. The
    table has six decimals, so these energies are precise to six decimals in units of that scale.
    """
    known = (own or {}).get((potential.name, full_formula(symbols)))
    if known is not None:
        return known
    if potential.reduced_set:
        reduced = table_energy(potential.reduced_set, ["X"] * len(symbols))
        return None if reduced is None else reduced * potential.energy
    return table_energy(potential.name, symbols)


def table_energy(potential: str, symbols: Sequence[str]) -> float | None:
    """The energy that the table has for the parameter set of that name, in its unit; None without an entry."""
    return _table().get((potential, full_formula(symbols)))
