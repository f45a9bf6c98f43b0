"""Finds the row of a minimum, or makes one; within a transaction of the caller."""

import json
import os
import sqlite3
from collections.abc import Sequence
from uuid import uuid4

from ase.db.core import now as years

from clusteropt.clusters.sameness import neighbouring
from clusteropt.database import store
from clusteropt.database.likeness import alike, key_of
from clusteropt.database.records import Nature, Origin, Scales, nature_in
from clusteropt.database.rows import columns_of, formula_of, history_of, pairs_of, species_of
from clusteropt.search.minimum import Minimum

_UNKNOWN = Nature()
_MUCH = 10  # times smaller forces make a copy of a minimum the one to keep


def place(
    db: sqlite3.Connection, symbols: Sequence[str], minimum: Minimum, origin: Origin, scales: Scales
) -> tuple[int, bool]:
    """The number of the row that holds the minimum, and True where it was made now.

    A copy that was minimized much further takes the place of the one that is there.
    """
    formula, key = formula_of(symbols), key_of(minimum, scales)
    number = find(db, symbols, minimum, scales)
    if number is not None:
        if minimum.fmax * _MUCH < store.minimum(db, number)[1].fmax:
            store.update_minimum(db, number, columns_of(symbols, minimum, origin), key)
            known = store.read_pairs(db, number) or {}
            store.write_pairs(db, number, known | pairs_of(symbols, minimum, origin), years())
        return number, False
    now, pairs = years(), pairs_of(symbols, minimum, origin)
    columns = {"unique_id": uuid4().hex, "ctime": now, "mtime": now, "username": os.environ.get("USER")}
    columns |= columns_of(symbols, minimum, origin) | {"key_value_pairs": json.dumps(pairs)}
    return store.insert_minimum(db, columns, species_of(symbols), formula, key), True


def find(db: sqlite3.Connection, symbols: Sequence[str], minimum: Minimum, scales: Scales) -> int | None:
    """The number of the row that holds the minimum; None without one."""
    near = store.candidates(db, formula_of(symbols), neighbouring(key_of(minimum, scales)))
    same = (number for number, theirs, held in near if alike(minimum, held, symbols, theirs, scales.length))
    return next(same, None)


def retell(db: sqlite3.Connection, number: int, nature: Nature = _UNKNOWN) -> None:
    """Brings the key-value pairs of a row up to date with the runs that came to it, and with what is known of it now."""
    known = store.read_pairs(db, number) or {}
    pairs = known | history_of([*store.hits(db, number).values()]) | nature_in(known).joined(nature).pairs
    if pairs != known:
        store.write_pairs(db, number, pairs, years())
