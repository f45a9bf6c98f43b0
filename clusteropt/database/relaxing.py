"""Minima that were relaxed from those of another potential; statements within a transaction of the caller."""

import sqlite3
from collections.abc import Sequence

from ase.db.core import now as years

from clusteropt.database import store
from clusteropt.database.records import Relaxation
from clusteropt.database.schema import RELAXED_TABLE

_ROW = "start, potential, rank, energy, n_evaluations"


def read(db: sqlite3.Connection) -> list[tuple[int, Relaxation]]:
    """All relaxations, each with the number of the row to which it led."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'clusteropt_relaxed'").fetchone():
        return []
    rows = db.execute(f"SELECT minimum, {_ROW} FROM clusteropt_relaxed ORDER BY potential, rank, start")
    return [(number, Relaxation(*values)) for number, *values in rows]


def write(db: sqlite3.Connection, relaxed: Sequence[tuple[int, Relaxation]]) -> None:
    """Notes relaxations, each with the number of its row; the rows tell of the lowest minimum of the other potential."""
    db.execute(RELAXED_TABLE)
    db.executemany(
        f"INSERT OR REPLACE INTO clusteropt_relaxed ({_ROW}, minimum) VALUES (?, ?, ?, ?, ?, ?)",
        [[*one, number] for number, one in relaxed],
    )
    own = read(db)
    for number in {number for number, _ in relaxed}:
        lowest = min((one for row, one in own if row == number), key=lambda one: (one.energy, one.rank))
        known = store.read_pairs(db, number) or {}
        told = {"prescreen": lowest.potential, "prescreen_energy": lowest.energy, "prescreen_rank": lowest.rank}
        if known | told != known:
            store.write_pairs(db, number, known | told, years())
