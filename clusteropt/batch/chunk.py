"""Computes one chunk of structures. Every process of a batch does this, on this host or on another one."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ase import Atoms

from clusteropt.api import results_of
from clusteropt.batch.folder import SCHEMA
from clusteropt.batch.items import Given, Line
from clusteropt.engine.step import Status
from clusteropt.errors import ClusterOptError, is_of_memory, unexpected
from clusteropt.report.results import record
from clusteropt.result import Result, failed
from clusteropt.runtime import machine
from clusteropt.settings.config import MinimizeSettings

_PER_ATOM = 20_000  # bytes per atom of a large structure (measured with 10,000 atoms, rounded up)


class Done(NamedTuple):
    """A structure with its result, or with the unexpected error that prevented one."""

    given: Given
    result: Result | Exception
    seconds: float  # the time of its portion, divided by the structures in it


def computed(chunk: Sequence[Given], settings: MinimizeSettings) -> Iterator[list[Done]]:
    """Computes the structures of a chunk, and yields them in portions as they are finished.

    Raises ClusterOptError for a problem that concerns all structures.
    """
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
    """The result for a structure that has killed every worker that computed it: out of memory."""
    atoms = Atoms() if given.atoms is None else given.atoms
    text = "every worker that computed it has died, most likely of too little memory: try --retry out-of-memory on larger workers"
    return Done(given, failed(atoms, Status.OUT_OF_MEMORY, text, settings.optimizer), 0.0)


def lines_of(portion: list[Done], settings: MinimizeSettings) -> list[Line]:
    """The finished structures of a portion as lines of `results.jsonl`."""
    return [_line(*done, settings) for done in portion]


def _line(given: Given, result: Result | Exception, seconds: float, settings: MinimizeSettings) -> Line:
    if isinstance(result, Exception):
        return Line(given.item.key, {}, "", _unexpected(result))
    try:
        frame = result.text if result.is_usable else ""  # an unusable structure has no minimum
    except Exception as problem:  # noqa: BLE001  info and arrays hold objects of any kind
        return Line(given.item.key, {}, "", _unexpected(problem))
    about = {"schema": SCHEMA, "hash": given.item.key} | record(result)
    about |= {"max_steps": settings.max_steps, "seed": settings.seed, "seconds": round(seconds, 6)}
    return Line(given.item.key, about, frame)


def _results(structures: list[Atoms], settings: MinimizeSettings) -> Iterator[dict[int, Result | Exception]]:
    """Results as from `api.results_of`, in portions. One bad structure does not cost the others their results.

    Where the computation fails unexpectedly, each structure that is left is computed alone. One that fails again gets the
    error in place of its result, or the status out-of-memory. Raises ClusterOptError for a problem that concerns all.
    """
    left = dict(enumerate(structures))
    most = machine.free_memory() / _PER_ATOM
    for i in [i for i, atoms in left.items() if len(atoms) > most]:
        yield {i: _too_large(left.pop(i), settings)}
    indices = list(left)
    try:
        for portion in results_of(list(left.values()), settings):
            yield {indices[k]: result for k, result in portion.items()}
            for k in portion:
                del left[indices[k]]
        return
    except ClusterOptError:
        raise
    except Exception:  # noqa: BLE001  the structure at fault raises it again below
        pass
    yield from ({i: _alone(atoms, settings)} for i, atoms in left.items())


def _alone(atoms: Atoms, settings: MinimizeSettings) -> Result | Exception:
    """The result of one structure that is computed alone, or the unexpected error."""
    try:
        return next(portion[0] for portion in results_of([atoms], settings) if 0 in portion)
    except ClusterOptError:
        raise
    except Exception as problem:  # noqa: BLE001  reported, and no other structure is affected
        return _too_large(atoms, settings) if is_of_memory(problem) else problem


def _unexpected(problem: Exception) -> str:
    return f"no result because of an {unexpected(problem)}: run the same command again, and report the error"


def _too_large(atoms: Atoms, settings: MinimizeSettings) -> Result:
    text = f"{len(atoms)} atoms do not fit into the memory: run with --retry out-of-memory on a machine with more"
    return failed(atoms, Status.OUT_OF_MEMORY, text, settings.optimizer)
