"""A chunk of structures to their results: what every process of a batch computes, here or on another host."""

import time
from collections.abc import Iterator, Sequence

from ase import Atoms

from clusteropt.api import Result, failed, run
from clusteropt.batch.folder import SCHEMA, Line
from clusteropt.batch.inputs import Given
from clusteropt.config import MinimizeSettings
from clusteropt.errors import ClusterOptError
from clusteropt.extxyz import text_of
from clusteropt.relax import Status
from clusteropt.report import record


def computed(chunk: Sequence[Given], settings: MinimizeSettings) -> Iterator[list[Line]]:
    """The results, some at a time as they are done."""
    sound = [given for given in chunk if given.atoms is not None]
    bad = [given for given in chunk if given.atoms is None]
    if bad:
        results = [failed(Atoms(), Status.UNREADABLE, given.problem) for given in bad]
        yield [_line(given, result, settings, 0.0) for given, result in zip(bad, results, strict=True)]
    before = time.monotonic()
    for portion in _results([given.atoms for given in sound if given.atoms is not None], settings):
        seconds = (time.monotonic() - before) / max(1, len(portion))
        if portion:
            yield [_line(sound[i], result, settings, seconds) for i, result in portion.items()]
        before = time.monotonic()


def _line(given: Given, result: Result, settings: MinimizeSettings, seconds: float) -> Line:
    about = {"schema": SCHEMA, "hash": given.item.key} | record(result)
    about |= {"optimizer": settings.optimizer, "seed": settings.seed, "seconds": round(seconds, 6)}
    return Line(given.item.key, about, "" if given.atoms is None else text_of([result.atoms]))


def _results(structures: list[Atoms], settings: MinimizeSettings) -> Iterator[dict[int, Result]]:
    """As `api.run`; what does not fit into the memory, or fails as nothing should, is tried again alone.

    Then it has a status that says so, and the others have their results. Raises ClusterOptError for what concerns all.
    """
    left = dict(enumerate(structures))
    try:
        for portion in run(structures, settings):
            yield portion
            for i in portion:
                del left[i]
        return
    except ClusterOptError:
        raise
    except Exception:  # noqa: BLE001  whatever it is, it comes again below
        pass
    for i, atoms in left.items():
        yield {i: _alone(atoms, settings)}


def _alone(atoms: Atoms, settings: MinimizeSettings) -> Result:
    try:
        return next(portion[0] for portion in run([atoms], settings) if 0 in portion)
    except ClusterOptError:
        raise
    except Exception as problem:  # noqa: BLE001
        if isinstance(problem, MemoryError) or "RESOURCE_EXHAUSTED" in str(problem):
            status = Status.OUT_OF_MEMORY
            text = f"{len(atoms)} atoms do not fit into the memory: try a machine with more, or fewer --trajectories"
        else:
            status = Status.INVALID_STRUCTURE
            text = f"unexpected {type(problem).__name__} ({' '.join(str(problem).split())[:160]}): please report it"
        return failed(atoms, status, text, settings.optimizer)
