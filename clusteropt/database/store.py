"""The statements that read and write the tables. Those that write belong into a transaction of the caller.

Whatever is read is fetched at once, because nobody can write while a statement is under way.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clusteropt.database.records import BELOW, Entry, Hit, Origin, Run, Scales
from clusteropt.database.rows import COLUMNS, ENTRY, entry_of, minimum_of
from clusteropt.search.minimum import Minimum

_RUN = "uuid, formula, command, version, seed, started, ended, n_evaluations, seconds, stopped_by"
_HIT = "r.n_reached, r.origin, r.n_evaluations, r.seconds, r.seen, runs.version"
_JOINED = "clusteropt_minima AS m JOIN systems AS s ON s.id = m.id"
_IS_NONE = f"s.id IN (SELECT id FROM number_key_values WHERE key = '{BELOW}')"  # it was shown to be no minimum
_PAIRS = ("keys", "text_key_values", "number_key_values")


def is_vacant(db: sqlite3.Connection) -> bool:
    """True where there is no structure, and no run that has not ended."""
    held = "SELECT 1 FROM systems UNION ALL SELECT 1 FROM clusteropt_runs WHERE ended IS NULL LIMIT 1"
    return db.execute(held).fetchone() is None


def forget_all(db: sqlite3.Connection) -> None:
    """Deletes the potential, and all runs; for a file without minima."""
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in {"clusteropt_potentials", "clusteropt_runs", "clusteropt_notes"} & there:
        db.execute(f"DELETE FROM {table}")
    db.execute("DELETE FROM clusteropt_meta WHERE name != 'schema'")


def write_origin(db: sqlite3.Connection, origin: Origin) -> None:
    """Notes the potential of all minima."""
    db.executemany("INSERT INTO clusteropt_meta VALUES (?, ?)", origin._asdict().items())


def read_origin(db: sqlite3.Connection) -> Origin:
    """The potential of all minima."""
    told = dict(db.execute("SELECT name, value FROM clusteropt_meta"))
    return Origin(*(told[name] for name in Origin._fields))


def write_scales(db: sqlite3.Connection, elements: str, scales: Scales) -> None:
    """Notes the potential's numbers for these elements, unless there are some already."""
    db.execute("INSERT OR IGNORE INTO clusteropt_potentials VALUES (?, ?, ?, ?)", [elements, *scales])


def read_scales(db: sqlite3.Connection) -> dict[str, Scales]:
    """The potential's numbers by elements."""
    rows = db.execute("SELECT elements, sha256, energy, length FROM clusteropt_potentials")
    return {elements: Scales(*values) for elements, *values in rows}


def insert_minimum(
    db: sqlite3.Connection, columns: Mapping[str, Any], species: Iterable[tuple[int, int]], formula: str, key: int
) -> int:
    """The number of a new row with these columns of ASE's table; its key-value pairs are still to be written."""
    places = ", ".join("?" * len(columns))
    made = db.execute(f"INSERT INTO systems ({', '.join(columns)}) VALUES ({places})", [*columns.values()])
    number = int(made.lastrowid or 0)
    db.executemany("INSERT INTO species VALUES (?, ?, ?)", [(z, n, number) for z, n in species])
    db.execute("INSERT INTO clusteropt_minima VALUES (?, ?, ?)", [number, formula, key])
    return number


def update_minimum(db: sqlite3.Connection, number: int, columns: Mapping[str, Any], key: int) -> None:
    """Gives the row these columns of ASE's table, and the minimum another key."""
    changes = ", ".join(f"{name} = ?" for name in columns)
    db.execute(f"UPDATE systems SET {changes} WHERE id = ?", [*columns.values(), number])
    db.execute("UPDATE clusteropt_minima SET key = ? WHERE id = ?", [key, number])


def write_pairs(db: sqlite3.Connection, number: int, pairs: Mapping[str, str | float], years: float) -> None:
    """Gives the row these key-value pairs in place of its own; `years` is the time as ASE counts it."""
    for table in _PAIRS:
        db.execute(f"DELETE FROM {table} WHERE id = ?", [number])
    texts = [(key, value, number) for key, value in pairs.items() if isinstance(value, str)]
    numbers = [(key, float(value), number) for key, value in pairs.items() if not isinstance(value, str)]
    db.executemany("INSERT INTO text_key_values VALUES (?, ?, ?)", texts)
    db.executemany("INSERT INTO number_key_values VALUES (?, ?, ?)", numbers)
    db.executemany("INSERT INTO keys VALUES (?, ?)", [(key, number) for key in pairs])
    db.execute("UPDATE systems SET key_value_pairs = ?, mtime = ? WHERE id = ?", [json.dumps(pairs), years, number])


def read_pairs(db: sqlite3.Connection, number: int) -> dict[str, Any] | None:
    """The key-value pairs of a row, those of the user too; None where the row is gone."""
    row = db.execute("SELECT key_value_pairs FROM systems WHERE id = ?", [number]).fetchone()
    return None if row is None else json.loads(row[0] or "{}")


def candidates(db: sqlite3.Connection, formula: str, keys: Sequence[int]) -> list[tuple[int, tuple[str, ...], Minimum]]:
    """Number, symbols and minimum of the rows of that formula with one of the keys."""
    where = f"m.formula = ? AND m.key IN ({', '.join('?' * len(keys))}) ORDER BY s.id"
    rows = db.execute(f"SELECT s.id, {COLUMNS} FROM {_JOINED} WHERE {where}", [formula, *keys]).fetchall()
    return [(number, *minimum_of(values)) for number, *values in rows]


def minima(
    db: sqlite3.Connection, formula: str | None = None, limit: int = -1, every: bool = False
) -> list[tuple[int, tuple[str, ...], Minimum]]:
    """Number, symbols and minimum of the rows of that formula, or of all, the lowest first.

    Points that were shown to be no minima are among them only where `every` is set.
    """
    where = f"WHERE (? IS NULL OR m.formula = ?) AND (? OR NOT {_IS_NONE}) ORDER BY s.energy, s.id LIMIT ?"
    rows = db.execute(f"SELECT s.id, {COLUMNS} FROM {_JOINED} {where}", [formula, formula, every, limit]).fetchall()
    return [(number, *minimum_of(values)) for number, *values in rows]


def minimum(db: sqlite3.Connection, number: int) -> tuple[tuple[str, ...], Minimum]:
    """Symbols and minimum of a row."""
    return minimum_of(db.execute(f"SELECT {COLUMNS} FROM systems AS s WHERE s.id = ?", [number]).fetchone())


def entries(db: sqlite3.Connection, formula: str | None = None) -> list[Entry]:
    """The minima of that formula, or all, without their atoms, by formula and energy."""
    where = f"WHERE (? IS NULL OR m.formula = ?) AND NOT {_IS_NONE} ORDER BY m.formula, s.energy, s.id"
    rows = db.execute(f"SELECT {ENTRY} FROM {_JOINED} {where}", [formula, formula]).fetchall()
    reached = all_hits(db, formula)
    return [entry_of(values, reached[values[0]].values()) for values in rows if values[0] in reached]


def insert_run(db: sqlite3.Connection, run: Run) -> int:
    """The number of that run, which is there afterwards."""
    db.execute(f"INSERT OR IGNORE INTO clusteropt_runs ({_RUN}) VALUES ({', '.join('?' * len(run))})", run)
    return int(db.execute("SELECT id FROM clusteropt_runs WHERE uuid = ?", [run.uuid]).fetchone()[0])


def n_like(db: sqlite3.Connection, run: int) -> int:
    """The number of earlier runs with the formula and the seed of that run."""
    like = "SELECT count(*) FROM clusteropt_runs AS a JOIN clusteropt_runs AS b USING (formula, seed)"
    return int(db.execute(f"{like} WHERE a.id = ? AND b.id < a.id", [run]).fetchone()[0])


def write_progress(db: sqlite3.Connection, run: int, n_evaluations: int, seconds: float) -> None:
    """Notes how far the run has come at least."""
    change = "n_evaluations = max(n_evaluations, ?), seconds = max(seconds, ?)"
    db.execute(f"UPDATE clusteropt_runs SET {change} WHERE id = ?", [n_evaluations, seconds, run])


def write_end(db: sqlite3.Connection, run: int, ended: str | None, stopped_by: str | None) -> None:
    """Notes when and why the run has ended, unless that is known."""
    change = "ended = ifnull(ended, ?), stopped_by = ifnull(stopped_by, ?)"
    db.execute(f"UPDATE clusteropt_runs SET {change} WHERE id = ?", [ended, stopped_by, run])


def runs(db: sqlite3.Connection) -> dict[int, Run]:
    """All runs by their number, in the order in which they began."""
    rows = db.execute(f"SELECT id, {_RUN} FROM clusteropt_runs ORDER BY started, id")
    return {number: Run(*values) for number, *values in rows}


def write_hit(db: sqlite3.Connection, run: int, minimum: int, hit: Hit) -> None:
    """Notes that the run came to the minimum. Where that is known, only the count can rise."""
    values = [run, minimum, *hit[:5]]
    known = "ON CONFLICT DO UPDATE SET n_reached = max(n_reached, excluded.n_reached)"
    db.execute(f"INSERT INTO clusteropt_reached VALUES (?, ?, ?, ?, ?, ?, ?) {known}", values)


def hits(db: sqlite3.Connection, minimum: int) -> dict[int, Hit]:
    """How runs came to that minimum, by the number of the run."""
    joined = "clusteropt_reached AS r JOIN clusteropt_runs AS runs ON runs.id = r.run"
    rows = db.execute(f"SELECT r.run, {_HIT} FROM {joined} WHERE r.minimum = ? ORDER BY r.run", [minimum])
    return {run: Hit(*values) for run, *values in rows}


def all_hits(db: sqlite3.Connection, formula: str | None = None) -> dict[int, dict[int, Hit]]:
    """How runs came to the minima of that formula, or to all, by the numbers of minimum and run."""
    joined = "clusteropt_reached AS r JOIN clusteropt_runs AS runs ON runs.id = r.run"
    rows = db.execute(
        f"SELECT r.minimum, r.run, {_HIT} FROM {joined} WHERE ? IS NULL OR runs.formula = ?", [formula] * 2
    )
    found: dict[int, dict[int, Hit]] = {}
    for minimum, run, *values in rows:
        found.setdefault(minimum, {})[run] = Hit(*values)
    return found


def energies(db: sqlite3.Connection, uuid: str) -> list[tuple[float, int, float]]:
    """Energy of every minimum of a run, with evaluations and seconds until its first hit, in the order of these."""
    joined = (
        "clusteropt_reached AS r JOIN systems AS s ON s.id = r.minimum JOIN clusteropt_runs AS runs ON runs.id = r.run"
    )
    order = "ORDER BY r.n_evaluations, r.seconds, s.energy"
    where = f"WHERE runs.uuid = ? AND NOT {_IS_NONE}"
    return [*db.execute(f"SELECT s.energy, r.n_evaluations, r.seconds FROM {joined} {where} {order}", [uuid])]
