"""The foot of a report, from what results tell of their making."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from clusteropt.finding.result import verdict_of
from clusteropt.io.best_known import best_known
from clusteropt.potentials import sets
from clusteropt.potentials.parameters import ParameterSet
from clusteropt.records.origin import Origin, Source, Units
from clusteropt.report import citations, methods


class Made(NamedTuple):
    """The origins of results; entries may be there several times."""

    potentials: Iterable[str] = ()
    prescreens: Iterable[str] = ()  # cheap potentials by which a search began
    commands: Iterable[str] = ()
    versions: Iterable[str] = ()
    seeds: Iterable[int] = ()


def origin_of(made: Made) -> Origin:
    """The foot, with the citations of shipped potentials and of calculators that are known."""
    return Origin(
        (*_sources(made.potentials, ""), *_sources(made.prescreens, "prescreen")),
        tuple(dict.fromkeys(filter(None, made.commands))),
        tuple(dict.fromkeys(filter(None, made.versions))),
        tuple(dict.fromkeys(made.seeds)),
    )


def _sources(potentials: Iterable[str], role: str) -> Iterator[Source]:
    return (Source(name, _citation(name), role) for name in dict.fromkeys(filter(None, potentials)))


def _citation(potential: str) -> str:
    own = shipped(potential)
    work = methods.work_of(potential) if own is None else citations.of_potential(own)
    return "" if work is None else work.text


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
