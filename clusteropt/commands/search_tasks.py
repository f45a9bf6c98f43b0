"""The searches that a user asks for: compositions, structures to start from, files; and what is said about them."""

import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms

from clusteropt.commands.announcements import scales_of
from clusteropt.commands.display import time_of
from clusteropt.commands.plans import STDOUT
from clusteropt.commands.search_files import OURS, Asked, SearchFiles, files_for
from clusteropt.database.database import Database
from clusteropt.errors import InputError, UsageError
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.seats import table_for
from clusteropt.finding import levels
from clusteropt.finding.result import SAME, SearchMinimum, SearchResult, why
from clusteropt.finding.searching import composition_of, known_to, optimizer_of, positions_of
from clusteropt.finding.under_way import Task
from clusteropt.io.best_known import full_formula
from clusteropt.io.doubts import in_one_line, of_distances
from clusteropt.io.extxyz import text_of
from clusteropt.io.reading import Frame, Unreadable, frames, wishes_of
from clusteropt.potentials.form import SECONDS_PER_PAIR, form_of
from clusteropt.report.searches import SHOWN, best_known_words
from clusteropt.runtime import devices
from clusteropt.words import counted

_LEAST = 1.0  # second of a time limit that is left for the search itself
_EVALUATIONS = 300  # in the first round, by each of the chains


class Work(NamedTuple):
    """The search of one composition, and its files."""

    task: Task
    files: SearchFiles
    announced: bool = True  # its potential and what is known already are said before it begins
    prescreen: "Work | None" = None  # the search by a cheap potential whose lowest minima are relaxed


def works_for(asked: Asked) -> list[Work]:
    """The searches. Raises UsageError and InputError for what cannot be searched, started from, or written."""
    _refuse_files(asked.formulas)
    levels.check(asked.settings)
    given = _frames(asked)
    formulas = asked.formulas or [full_formula(given[0].atoms.get_chemical_symbols())]
    timed = {name: _timed(name, asked.settings.potential) for name in formulas}
    by_formula = _by_formula(formulas, {name: own for name, (own, _) in timed.items()})
    left = {full_formula(own.symbols): _less(asked.seconds, took) for own, took in timed.values()}
    starts = _starts(given, by_formula)
    n_levels = 1 if asked.settings.prescreen is None else 2
    files = {
        formula: files_for(formula, own.potential.name, asked.outputs, n_levels) for formula, own in by_formula.items()
    }
    _check_databases(asked, by_formula, files)
    optimizer, settings = optimizer_of(asked.settings), asked.settings
    command = shlex.join(["clusteropt", *sys.argv[1:]])
    return [
        _with_prescreen(
            Work(
                Task(
                    Kit(own, optimizer, settings.seed),
                    settings,
                    left[formula],
                    starts[formula],
                    command,
                    known_to(settings, own),
                ),
                files[formula],
            )
        )
        for formula, own in by_formula.items()
    ]


def _timed(formula: str, potential: str | None) -> tuple[Composition, float]:
    """The composition, and the seconds that a calculator's scales have taken. Raises as `composition_of`."""
    began = time.monotonic()
    own = composition_of(formula, potential)
    return own, time.monotonic() - began if own.problem.hosted else 0.0


def _less(seconds: float | None, took: float) -> float | None:
    """The rest of a time limit."""
    return None if seconds is None else max(_LEAST, seconds - took)


def _with_prescreen(work: Work) -> Work:
    """The search with that by a cheap potential before it, if the settings name one, in a database of its own."""
    if work.task.settings.prescreen is None:
        return work
    task = levels.prescreening(work.task)
    path, potential = work.files.database, task.composition.potential
    database = None if path is None else levels.database_of(path, potential)
    if database is not None:
        with Database.open(database, potential):
            pass
    return work._replace(prescreen=Work(task, SearchFiles(None, database)))


def _refuse_files(formulas: Sequence[str]) -> None:
    """Raises UsageError where a file is named instead of a formula."""
    for name in formulas:
        if {".", "/"} & {*name} and os.path.isfile(name):
            raise UsageError(f"{name}: is a file, and a formula is wanted: --from {name} starts from its structures")


def _by_formula(formulas: Sequence[str], compositions: dict[str, Composition]) -> dict[str, Composition]:
    """The compositions by their formulas as files are named. Raises UsageError where one is asked for twice."""
    names = [full_formula(compositions[formula].symbols) for formula in formulas]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise UsageError(f"{twice[0]} is asked for twice: name each composition once")
    return dict(zip(names, compositions.values(), strict=True))


def _frames(asked: Asked) -> list[Frame]:
    """The structures of all files. Raises InputError for one that cannot be read."""
    wishes, found = wishes_of(asked.reading, asked.settings.potential), []
    for one in (frame for source in asked.sources for frame in frames(source, wishes)):
        if isinstance(one, Unreadable):
            raise InputError(f"{one.label}: {one.problem}")
        found.append(one)
    return found


def _starts(given: Sequence[Frame], compositions: dict[str, Composition]) -> dict[str, list[np.ndarray]]:
    """Positions from which to start, by formula. Raises UsageError for a structure of another composition."""
    starts: dict[str, list[np.ndarray]] = {formula: [] for formula in compositions}
    for frame in given:
        own = full_formula(frame.atoms.get_chemical_symbols())
        known = own if own in compositions else next(iter(compositions))
        starts[known].append(positions_of(frame.atoms, compositions[known], frame.label))
    return starts


def _check_databases(asked: Asked, compositions: dict[str, Composition], files: dict[str, SearchFiles]) -> None:
    """Makes the databases, and opens each once. Raises as `Database.open`."""
    names = {own.potential.name for own in compositions.values()}
    if asked.outputs.db is not None and len(names) > 1:
        raise UsageError(
            f"--db keeps minima of one potential, and these are of {' and '.join(sorted(names))}: search one at a time"
        )
    for formula, own in compositions.items():
        path = files[formula].database
        if path is not None:
            with Database.open(path, own.potential):
                pass


def text_of_lowest(minimum: SearchMinimum, formula: str) -> str:
    """The minimum as a frame of extended XYZ that names the search."""
    return text_of([_named(minimum.atoms, formula)])


def text_of_isomers(result: SearchResult) -> str:
    """The minima of a search in two levels as extended XYZ, and then where relaxations are that have led to none."""
    ends = [one.atoms for one in result.relaxed if one.number is None]
    return text_of([_named(atoms, result.formula) for atoms in (*(one.atoms for one in result.minima), *ends)])


def _named(atoms: Atoms, formula: str) -> Atoms:
    named = atoms.copy()
    named.calc = atoms.calc
    named.info[OURS] = formula
    return named


def announcements(work: Work, n_known: int) -> list[str]:
    """Messages before a search: the potential, so many minima that are known, a target that nobody has reached."""
    potential, settings = work.task.composition.potential, work.task.settings
    how = ("as asked for " if settings.potential else "default for ") + "-".join(potential.elements)
    said = [
        f"{work.task.formula}: potential {potential.name} ({how}; {potential.energy_unit}, {potential.length_unit})"
    ]
    said += scales_of(potential)
    if n_known:
        said.append(f"{work.task.formula}: goes on from {counted(n_known, 'minimum')} in {work.files.database}")
    target, best = settings.target, work.task.best_known
    if target is not None and best is not None and target < best - SAME * potential.energy:
        end = "" if work.task.seconds is None else f": the search ends after {time_of(work.task.seconds)} at the latest"
        said.append(f"warning: --target {target:g} lies below the best-known energy, {best:.6f}{end}")
    first = _first_round(work.task.composition)
    if work.task.seconds is not None and first > work.task.seconds and not work.task.composition.problem.hosted:
        said.append(
            f"warning: the first round of chains takes {time_of(first)}, very roughly, and no limit cuts it short"
        )
    return said


def _first_round(composition: Composition) -> float:
    """Seconds, very roughly, that the first round takes on the devices at hand."""
    pairs = table_for(composition).least * _EVALUATIONS * composition.n_atoms**2
    return pairs * SECONDS_PER_PAIR * form_of(composition.potential.form).cost / devices.n_devices()


def written(result: SearchResult, work: Work) -> str:
    """Where everything is that was found."""
    kept = [_kept(result, work)]
    if work.prescreen is not None and result.prescreen is not None:
        kept.append(_kept(result.prescreen, work.prescreen))
    if not any((result.minima, *kept)):
        return f"{work.task.formula}: no file was written"
    isomers = "" if work.files.isomers is None or not result.relaxed else f", isomers to {work.files.isomers}"
    at_all = result.minima and work.files.lowest != STDOUT
    lowest = f"lowest minimum written to {work.files.lowest}{isomers}" if at_all else ""
    return ", ".join(part for part in (lowest, *kept) if part) or f"{work.task.formula}: nothing is kept in files"


def _kept(result: SearchResult, work: Work) -> str:
    path = work.files.database
    return "" if path is None or not result.minima else f"{counted(len(result.minima), 'minimum')} kept in {path}"


def doubts_of(result: SearchResult) -> list[str]:
    """A warning where minima of the table lie outside the distances that the potential was fitted to; empty without any."""
    shown = enumerate(result.minima[:SHOWN], 1)
    return in_one_line(
        (f"{result.formula}, minimum {k}", of_distances(one.found.minimum.positions, result.potential))
        for k, one in shown
    )


def line_of(result: SearchResult) -> str:
    """A line about the search of a size that has ended."""
    took = f"{counted(result.evaluations, 'evaluation')} in {time_of(result.seconds)}"
    end = f"stopped by: {why(result.stopped_by)}; {took}"
    if not result.minima:
        return f"{result.formula}: no minimum was found; {end}"
    unit, lowest = result.potential.energy_unit, result.minima[0]
    compared = best_known_words(result.gap, result.verdict, unit)
    return f"{result.formula}: {lowest.energy:.6f} {unit}, {lowest.point_group}, {compared}; {end}"
