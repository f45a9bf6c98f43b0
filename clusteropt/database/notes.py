"""Further facts about runs, by name: 'missed', the estimated chance of a missed minimum; 'calculator', its
package and version; 'prescreen', the search by a cheap potential before it, in words.

Statements within a transaction of the caller.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from clusteropt.database.schema import NOTES_TABLE

Notes = Mapping[str, str | float]
NONE: Notes = MappingProxyType({})


def read(db: sqlite3.Connection) -> dict[int, Notes]:
    """The facts by the number of the run."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'clusteropt_notes'").fetchone():
        return {}
    found: dict[int, dict[str, str | float]] = defaultdict(dict)
    for run, name, value in db.execute("SELECT run, name, value FROM clusteropt_notes ORDER BY run, name"):
        found[run][name] = value
    return dict(found)


def write(db: sqlite3.Connection, run: int, notes: Notes) -> None:
    """Notes the facts about a run; later ones take the place of earlier ones."""
    if notes:
        db.execute(NOTES_TABLE)
        rows = [(run, name, value) for name, value in notes.items()]
        db.executemany("INSERT OR REPLACE INTO clusteropt_notes VALUES (?, ?, ?)", rows)
