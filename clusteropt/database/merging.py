"""All that another database holds, and how it comes into this one."""

import sqlite3
from collections import Counter
from typing import NamedTuple

from clusteropt.database import notes, relaxing, store
from clusteropt.database.placing import place, retell
from clusteropt.database.records import Hit, Merged, Nature, Origin, Relaxation, Run, Scales, nature_in
from clusteropt.database.rows import elements_of
from clusteropt.search.minimum import Minimum


class Known(NamedTuple):
    """A minimum of another database."""

    symbols: tuple[str, ...]
    minimum: Minimum
    nature: Nature
    hits: dict[int, Hit]  # by the number of the run there
    relaxed: list[Relaxation]  # minima of other potentials that led there


class Contents(NamedTuple):
    """All that a database holds."""

    origin: Origin
    scales: dict[str, Scales]
    runs: dict[int, Run]
    minima: list[Known]
    notes: dict[int, notes.Notes]  # by the number of the run there


def contents_of(db: sqlite3.Connection) -> Contents:
    """All that the database holds at one moment."""
    db.execute("BEGIN")
    try:
        hits = store.all_hits(db)
        relaxed = relaxing.read(db)
        minima = [
            Known(
                symbols,
                minimum,
                nature_in(store.read_pairs(db, k) or {}),
                hits[k],
                [one for row, one in relaxed if row == k],
            )
            for k, symbols, minimum in store.minima(db, every=True)
            if k in hits
        ]
        return Contents(store.read_origin(db), store.read_scales(db), store.runs(db), minima, notes.read(db))
    finally:
        db.execute("COMMIT")


def write(db: sqlite3.Connection, theirs: Contents) -> Merged:
    """Writes the contents of another database of the same potential, within a transaction of the caller.

    A run is known by its uuid, and its hits count once, however often it is merged.
    """
    for elements, scales in theirs.scales.items():
        store.write_scales(db, elements, scales)
    n_runs, runs = len(store.runs(db)), {k: store.insert_run(db, run) for k, run in theirs.runs.items()}
    for k, run in theirs.runs.items():
        store.write_progress(db, runs[k], run.n_evaluations, run.seconds)
        store.write_end(db, runs[k], run.ended, run.stopped_by)
        notes.write(db, runs[k], theirs.notes.get(k, notes.NONE))
    n_new, rows = 0, []
    numbers = store.read_scales(db)
    for known in theirs.minima:
        row, is_new = place(db, known.symbols, known.minimum, theirs.origin, numbers[elements_of(known.symbols)])
        rows.append(row)
        n_new += is_new
    _write_hits(db, runs, [*zip(rows, theirs.minima, strict=True)])
    relaxed = [(row, one) for row, known in zip(rows, theirs.minima, strict=True) for one in known.relaxed]
    if relaxed:
        relaxing.write(db, relaxed)
    return Merged(len(theirs.minima), n_new, len(runs), len(store.runs(db)) - n_runs)


def _write_hits(db: sqlite3.Connection, runs: dict[int, int], placed: list[tuple[int, Known]]) -> None:
    """Writes the hits; those of a run at minima that are one here count together."""
    totals: Counter[tuple[int, int]] = Counter()
    for row, known in placed:
        for run, hit in known.hits.items():
            totals[runs[run], row] += hit.n_reached
    for row, known in placed:
        for run, hit in known.hits.items():
            store.write_hit(db, runs[run], row, hit._replace(n_reached=totals[runs[run], row]))
        retell(db, row, known.nature)
