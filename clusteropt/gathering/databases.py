"""A database of minima as records."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ase import Atoms

from clusteropt.database.database import Database
from clusteropt.database.notes import NONE, Notes
from clusteropt.database.records import Entry, Run
from clusteropt.database.selection import as_atoms, listed
from clusteropt.database.settings import Wanted
from clusteropt.gathering.origins import Made, known_of, origin_of
from clusteropt.gathering.sizes import in_order, mixtures_of, sizes_of
from clusteropt.records.minima import (
    Composition,
    Course,
    Level,
    Minima,
    Model,
    Prescreened,
    model_of,
    prescreened_of,
)
from clusteropt.records.origin import Units
from clusteropt.words import counted


def minima_of(path: Path, formula: str | None, n_models: int) -> Minima:
    """All minima of the file, or those of a formula, with the lowest `n_models` structures of each composition.

    Raises InputError as `Database.open` and `listed` do.
    """
    with Database.open(path, create=False) as database:
        name, units = database.origin.name, _units(database)
        entries = [one.entry for one in listed(database, Wanted(formula))]
        by_formula: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_formula[entry.formula].append(entry)
        runs = [run for run in database.runs() if formula is None or run.formula in by_formula]
        compositions = in_order(
            _composition(database, one, own, [run for run in runs if run.formula == one], n_models)
            for one, own in by_formula.items()
        )
        faults, cheap = database.faults(), {one.potential for one in database.prescreened().values()}
        packages = [str(facts.get("calculator", "")) for facts in database.facts().values()]
    made = Made(
        [name],
        sorted(cheap),
        [run.command for run in runs],
        [*(run.version for run in runs), *packages],
        [run.seed for run in runs],
    )
    return Minima(
        path.name,
        units,
        tuple(compositions),
        origin_of(made),
        sizes_of(compositions),
        mixtures_of(compositions),
        tuple(faults + _missing(runs, entries)),
    )


def _units(database: Database) -> Units:
    return Units(database.origin.energy_unit, database.origin.length_unit)


def _composition(
    database: Database, formula: str, entries: Sequence[Entry], runs: Sequence[Run], n_models: int
) -> Composition:
    prescreened = _prescreened(database, {one.id for one in entries})
    levels = [
        Level(
            k,
            e.energy,
            e.energy - entries[0].energy,
            e.point_group,
            e.n_reached,
            e.origin,
            e.n_evaluations,
            str(e.id),
            e.status,
            prescreened.get(e.id),
        )
        for k, e in enumerate(entries, 1)
    ]
    notes = database.facts()
    models = [_model(database, level, e) for level, e in zip(levels, entries[:n_models], strict=False)]
    known = known_of(database.origin.name, Atoms(formula).get_chemical_symbols(), levels[0].energy)
    return Composition(
        formula,
        tuple(levels),
        tuple(_course(database, run, notes.get(run.uuid, NONE)) for run in runs),
        tuple(models),
        *known,
    )


def _model(database: Database, level: Level, entry: Entry) -> Model:
    atoms = as_atoms(*database.atoms_of(entry), entry, database.origin)
    return model_of(level, entry.formula, _units(database).shown.energy, atoms)


def _prescreened(database: Database, ids: set[int]) -> dict[int, Prescreened]:
    """The minima of a cheap potential that led to those of these ids."""
    own = {number: one for number, one in database.prescreened().items() if number in ids}
    lowest = {one.potential: one.energy for one in own.values() if one.rank == 1}
    return {number: prescreened_of(one.potential, one.rank, one.energy, lowest) for number, one in own.items()}


def _course(database: Database, run: Run, notes: Notes) -> Course:
    bests = database.bests(run.uuid)
    evaluations, energies = tuple(b.n_evaluations for b in bests), tuple(b.energy for b in bests)
    missed = notes.get("missed")
    chance = float(missed) if isinstance(missed, int | float) else None
    return Course(
        run.seed,
        evaluations,
        energies,
        run.n_evaluations,
        run.stopped_by or "",
        chance,
        str(notes.get("prescreen", "")),
    )


def _missing(runs: Sequence[Run], entries: Sequence[Entry]) -> list[str]:
    said = [] if entries else ["The file holds no minimum yet."]
    open_ones = sum(run.ended is None for run in runs)
    if open_ones:
        have = "has" if open_ones == 1 else "have"
        said.append(f"{counted(open_ones, 'search')} in this file {have} not ended: still under way, or killed.")
    return said
