"""The damage in a database whose minima can be read."""

import sqlite3

from clusteropt.words import counted

_SOUND = "ok"
_UNTOLD = """SELECT count(*) FROM clusteropt_minima AS m JOIN systems AS s ON s.id = m.id
    WHERE m.id NOT IN (SELECT r.minimum FROM clusteropt_reached AS r JOIN clusteropt_runs AS runs ON runs.id = r.run)"""
_RUNLESS = "SELECT count(DISTINCT run) FROM clusteropt_reached WHERE run NOT IN (SELECT id FROM clusteropt_runs)"
_CURE = "use a copy, or rescue the file with `sqlite3 FILE .recover`"


def faults(db: sqlite3.Connection) -> list[str]:
    """The damage, a sentence each; empty for a sound file."""
    told = _checked(db)
    ((untold,), (runless,)) = (db.execute(statement).fetchone() for statement in (_UNTOLD, _RUNLESS))
    found = [f"The file is damaged ({told}): {_CURE}."] if told else []
    if untold:
        found.append(f"{counted(untold, 'minimum')} left out, whose searches are not in the file: {_CURE}.")
    if runless:
        found.append(f"{counted(runless, 'search')} missing of those that have found the minima: {_CURE}.")
    return found


def _checked(db: sqlite3.Connection) -> str:
    """The first damage that SQLite finds in the pages of the file; empty for none."""
    try:
        ((told,),) = db.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.DatabaseError as problem:
        return str(problem)
    return "" if told == _SOUND else str(told).splitlines()[-1]
