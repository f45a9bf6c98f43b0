"""The finds of a run, as changes of the tables; within a transaction of the caller."""

import hashlib
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from itertools import zip_longest
from typing import NamedTuple

from clusteropt import __version__
from clusteropt.database import store
from clusteropt.database.placing import find, place, retell
from clusteropt.database.records import Hit, Nature, Origin, Scales
from clusteropt.engine.step import Status
from clusteropt.search.found import Found
from clusteropt.search.minimum import Minimum


class News(NamedTuple):
    """A minimum that a run tells of."""

    found: Found
    nature: Nature
    digest: bytes  # of its atoms


class Subject(NamedTuple):
    """The run that tells, and of which clusters."""

    run: int
    symbols: tuple[str, ...]
    origin: Origin
    scales: Scales


def digest_of(symbols: Sequence[str], minimum: Minimum) -> bytes:
    """A hash of the atoms as they are: it tells copies of a record apart from all else."""
    return hashlib.blake2b(minimum.positions.tobytes() + "".join(symbols).encode(), digest_size=16).digest()


def news_of(symbols: Sequence[str], found: Sequence[Found], natures: Sequence[Nature]) -> list[News]:
    """The converged minima, with what is known of them, as far as that is told."""
    told = [*natures, *[Nature()] * (len(found) - len(natures))]
    converged = [pair for pair in zip(found, told, strict=True) if pair[0].minimum.status is Status.CONVERGED]
    return [News(each, nature, digest_of(symbols, each.minimum)) for each, nature in converged]


def natures_of(point_groups: Sequence[str], statuses: Sequence[str]) -> list[Nature]:
    """Point groups and certificates of minima in words; there may be none of either."""
    pairs = zip_longest(point_groups, statuses, fillvalue="")
    return [Nature(*pair) for pair in pairs]


def leave_out(
    db: sqlite3.Connection, subject: Subject, left: Sequence[tuple[Minimum, float]], minima: Collection[int]
) -> None:
    """Notes of points that they are saddle points, with the energies of the minima below; `minima` are rows of minima.

    A point that the database takes for one of these minima is left alone.
    """
    for minimum, energy in left:
        number = find(db, subject.symbols, minimum, subject.scales)
        if number is not None and number not in minima:
            retell(db, number, Nature(status="saddle", below=energy))


def write(
    db: sqlite3.Connection,
    subject: Subject,
    all_news: Sequence[News],
    changed: Sequence[News],
    rows: Mapping[bytes, int],
) -> tuple[dict[bytes, int], int]:
    """Writes what has `changed` of all that the run tells; `rows` are known numbers of rows by digest.

    Returns the numbers of the rows that were written, and how many of them are new. Minima of the run that are one in the
    database count together.
    """
    placed = {one.digest: _row(db, subject, one, rows) for one in changed}
    touched = {number for number, _ in placed.values()}
    made = {number for number, is_new in placed.values() if is_new}
    numbers = {digest: number for digest, (number, _) in placed.items()}
    known = {**rows, **numbers}
    together: dict[int, list[News]] = {number: [] for number in touched}
    for one in all_news:
        if known.get(one.digest) in touched:
            together[known[one.digest]].append(one)
    for number, ones in together.items():
        hit = _hit(ones)
        if hit.n_reached or number in made:  # without a hit, the run has only heard of a minimum that others have found
            store.write_hit(db, subject.run, number, hit)
        retell(db, number, reduce(Nature.joined, (one.nature for one in reversed(ones))))
    _note_progress(db, subject.run, [one.found for one in changed if one.found.n_reached])
    return numbers, len(made)


def _note_progress(db: sqlite3.Connection, run: int, reached: Sequence[Found]) -> None:
    """Notes how far the run has come, by what it has reached: other minima tell of the runs that have found them."""
    if reached:
        latest = max(reached, key=lambda found: found.n_evaluations)
        store.write_progress(db, run, latest.n_evaluations, latest.seconds)


def _row(db: sqlite3.Connection, subject: Subject, one: News, rows: Mapping[bytes, int]) -> tuple[int, bool]:
    known = rows.get(one.digest)
    if known is not None and store.read_pairs(db, known) is not None:  # nobody has deleted it since
        return known, False
    return place(db, subject.symbols, one.found.minimum, subject.origin, subject.scales)


def _hit(ones: Sequence[News]) -> Hit:
    founds = [one.found for one in ones]
    own = [found for found in founds if found.n_reached] or founds
    first = min(own, key=lambda found: (found.n_evaluations, found.seconds, found.origin))
    total = sum(one.found.n_reached for one in ones)
    return Hit(total, first.origin, first.n_evaluations, first.seconds, now(), __version__)


def now() -> str:
    """The time, UTC, as 2026-01-31T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
