"""The table of best-known minima: the lowest energies that anyone has published or this program has found."""

import csv
from collections import Counter
from functools import cache

from clusteropt.resources import shipped


@cache
def _table() -> dict[tuple[str, str], float]:
    """(potential, formula) -> energy in the potential's unit; the formula as `formula_of` writes it."""
    text = (shipped("potentials") / "best_known.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {(row["potential"], row["formula"]): float(row["energy"]) for row in rows}


def formula_of(symbols: list[str]) -> str:
    """Elements in alphabetical order, each with its count: 'Au30Cu30', 'X38'."""
    return "".join(f"{symbol}{count}" for symbol, count in sorted(Counter(symbols).items()))


def best_known(potential: str, symbols: list[str]) -> float | None:
    """The best-known energy of that composition with that parameter set; None where there is none in the table."""
    return _table().get((potential, formula_of(symbols)))
