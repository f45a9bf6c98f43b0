"""A chunk of structures to their results: what every process of a batch computes, here or on another host."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ase import Atoms

from clusteropt.api import run
from clusteropt.batch.folder import SCHEMA
from clusteropt.batch.items import Given, Line
from clusteropt.engine.step import Status
from clusteropt.errors import ClusterOptError, is_of_memory, unexpected
from clusteropt.report.results import record
from clusteropt.result import Result, failed
from clusteropt.runtime import machine
from clusteropt.settings.config import MinimizeSettings

_PER_ATOM = 20_000  # bytes that a large structure takes for each atom (measured with 10,000, and rounded up)


class Done(NamedTuple):
    """A structure and what became of it; the unexpected error where there is no result."""

    given: Given
    result: Result | Exception
    seconds: float  # its share of the time that its portion has taken


def computed(chunk: Sequence[Given], settings: MinimizeSettings) -> Iterator[list[Done]]:
    """The results, some at a time as they are done, with the unexpected errors of those that have none."""
    bad = [given for given in chunk if given.atoms is None]
    if bad:
        yield [Done(given, failed(Atoms(), Status.UNREADABLE, given.problem), 0.0) for given in bad]
    sound = [(given, given.atoms) for given in chunk if given.atoms is not None]
    before = time.monotonic()
    for portion in _results([atoms for _, atoms in sound], settings):
        seconds = (time.monotonic() - before) / max(1, len(portion))
        if portion:
            yield [Done(sound[i][0], result, seconds) for i, result in portion.items()]
        before = time.monotonic()


def deadly(given: Given, settings: MinimizeSettings) -> Done:
    """The record of a structure whose computation has ended every process that tried it."""
    atoms = Atoms() if given.atoms is None else given.atoms
    text = "every worker that took it has died, of too little memory most likely: try --retry out-of-memory on a larger one"
    return Done(given, failed(atoms, Status.OUT_OF_MEMORY, text, settings.optimizer), 0.0)


def lines_of(portion: list[Done], settings: MinimizeSettings) -> list[Line]:
    """Results as they are written."""
    return [_line(*done, settings) for done in portion]


def _line(given: Given, result: Result | Exception, seconds: float, settings: MinimizeSettings) -> Line:
    if isinstance(result, Exception):
        return Line(given.item.key, {}, "", _unexpected(result))
    try:
        frame = "" if result.problem else result.text  # what could not be used has no minimum
    except Exception as problem:  # noqa: BLE001  what is in info and arrays comes from anywhere
        return Line(given.item.key, {}, "", _unexpected(problem))
    about = {"schema": SCHEMA, "hash": given.item.key} | record(result)
    about |= {"max_steps": settings.max_steps, "seed": settings.seed, "seconds": round(seconds, 6)}
    return Line(given.item.key, about, frame)


def _results(structures: list[Atoms], settings: MinimizeSettings) -> Iterator[dict[int, Result | Exception]]:
    """As `api.run`; what does not fit into the memory, or fails as nothing should, is tried again alone.

    Then it has a status that says so, or the error in the place of a result, and the others have their results. Raises
    ClusterOptError for what concerns all.
    """
    left = dict(enumerate(structures))
    most = machine.free_memory() / _PER_ATOM
    for i in [i for i, atoms in left.items() if len(atoms) > most]:
        yield {i: _too_large(left.pop(i), settings)}
    indices = list(left)
    try:
        for portion in run(list(left.values()), settings):
            yield {indices[k]: result for k, result in portion.items()}
            for k in portion:
                del left[indices[k]]
        return
    except ClusterOptError:
        raise
    except Exception:  # noqa: BLE001  whatever it is, it comes again below
        pass
    yield from ({i: _alone(atoms, settings)} for i, atoms in left.items())


def _alone(atoms: Atoms, settings: MinimizeSettings) -> Result | Exception:
    """The result of one structure, or the unexpected error."""
    try:
        return next(portion[0] for portion in run([atoms], settings) if 0 in portion)
    except ClusterOptError:
        raise
    except Exception as problem:  # noqa: BLE001  it is told, and costs no other structure its result
        return _too_large(atoms, settings) if is_of_memory(problem) else problem


def _unexpected(problem: Exception) -> str:
    return f"no result, of an {unexpected(problem)}: run the same command again, and report it"


def _too_large(atoms: Atoms, settings: MinimizeSettings) -> Result:
    text = f"{len(atoms)} atoms do not fit into the memory: try a machine with more, and --retry out-of-memory"
    return failed(atoms, Status.OUT_OF_MEMORY, text, settings.optimizer)
