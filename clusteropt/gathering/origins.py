"""The foot of a report, from what results tell of their making."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from clusteropt.finding.result import verdict_of
from clusteropt.io.best_known import best_known
from clusteropt.potentials import sets
from clusteropt.potentials.parameters import ParameterSet
from clusteropt.records.origin import Origin, Units


class Made(NamedTuple):
    """The origins of results; entries may be there several times."""

    potential: str = ""
    commands: Iterable[str] = ()
    versions: Iterable[str] = ()
    seeds: Iterable[int] = ()


def origin_of(made: Made) -> Origin:
    """The foot, with the citation of a shipped potential."""
    own = shipped(made.potential)
    return Origin(
        made.potential,
        own.source if own else "",
        own.doi if own else "",
        tuple(dict.fromkeys(filter(None, made.commands))),
        tuple(dict.fromkeys(filter(None, made.versions))),
        tuple(dict.fromkeys(made.seeds)),
    )


def shipped(potential: str) -> ParameterSet | None:
    """The shipped set of that name; None for any other name: files that results name are not opened."""
    return sets.load(potential) if potential in sets.names() else None


def units_of(potential: str, symbols: Iterable[str]) -> Units:
    """The units of energies by that potential; without a shipped one, epsilon and sigma for X, and those of ASE for elements."""
    own = shipped(potential)
    if own is not None:
        return Units(own.units["energy"], own.units["length"])
    return Units("epsilon", "sigma") if {*symbols} == {"X"} else Units("eV", "angstrom")


def known_of(potential: str, symbols: Sequence[str], lowest: float | None) -> tuple[float | None, str]:
    """The best-known energy of that composition by a shipped potential, and how the lowest one compares, as `verdict_of`."""
    own, elements = shipped(potential), tuple(sorted({*symbols}))
    if own is None or not own.covers(elements):
        return None, ""
    chosen = own.potential(elements)
    energy = best_known(chosen, symbols)
    return energy, "" if energy is None or lowest is None else verdict_of(lowest - energy, chosen)
