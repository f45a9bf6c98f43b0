"""Chooses minima from a database."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from clusteropt.database.database import Database
from clusteropt.database.records import Entry, Origin, Run
from clusteropt.database.rows import formula_of
from clusteropt.database.settings import Wanted
from clusteropt.errors import InputError
from clusteropt.search.minimum import Minimum
from clusteropt.search.starts import symbols_of


class Ranked(NamedTuple):
    """A minimum among all of its formula in the database."""

    rank: int  # 1 is the lowest
    above: float  # energy above the lowest
    entry: Entry


def listed(database: Database, wanted: Wanted) -> list[Ranked]:
    """The minima that are wanted, but for their limit, by formula and energy.

    Raises UsageError for text that is not a formula, InputError for a formula of which there is no minimum.
    """
    formula = None if wanted.formula is None else formula_of(symbols_of(wanted.formula))
    entries = database.entries(formula)
    if formula is not None and not entries:
        others = sorted({entry.formula for entry in database.entries()})
        held = f"it holds those of {', '.join(others)}" if others else "it holds none at all yet"
        raise InputError(f"{database.path}: there are no minima of {formula}: {held}")
    return chosen(entries, wanted)


def runs_of(database: Database, wanted: Wanted) -> list[Run]:
    """The runs of the formula that is wanted, or all. Raises UsageError for text that is not a formula."""
    formula = None if wanted.formula is None else formula_of(symbols_of(wanted.formula))
    return [run for run in database.runs() if formula in (None, run.formula)]


def chosen(entries: Sequence[Entry], wanted: Wanted) -> list[Ranked]:
    """The entries, sorted by formula and energy, that are wanted, but for their limit."""
    groups = ([*group] for _, group in groupby(entries, lambda entry: entry.formula))
    ranked = (Ranked(k, each.energy - own[0].energy, each) for own in groups for k, each in enumerate(own, 1))
    return [one for one in ranked if _is_wanted(one, wanted)]


def limited(ranked: Sequence[Ranked], limit: int | None) -> list[Ranked]:
    """The first so many of each formula; all without a limit."""
    groups = ([*group] for _, group in groupby(ranked, lambda one: one.entry.formula))
    return [one for own in groups for one in own[:limit]]


def _is_wanted(one: Ranked, wanted: Wanted) -> bool:
    if wanted.within is not None and one.above > wanted.within:
        return False
    return wanted.point_group is None or one.entry.point_group.lower() == wanted.point_group.lower()


def minima(
    path: str | Path,
    formula: str | None = None,
    within: float | None = None,
    point_group: str | None = None,
    limit: int | None = None,
) -> list[Atoms]:
    """The minima of a database as ASE atoms with energies and forces, by formula and energy, the lowest first.

    `within` is an energy above the lowest of the formula, `limit` a number for each formula. The info of the atoms tells what is
    known of them. Raises InputError for a file that is no database of minima, or has none of that formula.
    """
    wanted = Wanted(formula, within, point_group, limit)
    with Database.open(path) as database:
        return [*frames(database, limited(listed(database, wanted), limit))]


def frames(database: Database, ranked: Sequence[Ranked]) -> Iterator[Atoms]:
    """Every minimum as atoms."""
    origin = database.origin
    return (as_atoms(*database.atoms_of(one.entry), one.entry, origin) for one in ranked)


def as_atoms(symbols: Sequence[str], minimum: Minimum, entry: Entry, origin: Origin) -> Atoms:
    """The minimum with its energies and forces, and what is known of it as info."""
    atoms = Atoms(symbols, positions=minimum.positions)
    atoms.calc = SinglePointCalculator(atoms, **minimum.values)
    group = {"point_group": entry.point_group} if entry.point_group else {}
    atoms.info = {
        "potential": origin.name,
        **group,
        "status": entry.status,
        "times_reached": entry.n_reached,
        "origin": entry.origin,
        "first_seen": entry.first_seen,
        "clusteropt_version": entry.version,
    }
    return atoms
