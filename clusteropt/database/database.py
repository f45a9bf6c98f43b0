"""`Database`: all distinct minima that searches with one potential have found, in a file that several searches may share."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import combinations
from pathlib import Path
from typing import Self
from uuid import uuid4

from clusteropt import __version__
from clusteropt.database import keeping, merging, notes, opening, relaxing, soundness, store
from clusteropt.database.notes import NONE, Notes
from clusteropt.database.placing import place
from clusteropt.database.records import (
    Entry,
    FirstHit,
    Merged,
    Nature,
    Origin,
    Relaxation,
    Run,
    RunInfo,
    origin_of,
    scales_of,
)
from clusteropt.database.rows import elements_of, first_of, formula_of
from clusteropt.potentials.base import Potential
from clusteropt.search.found import Found
from clusteropt.search.minimum import Minimum


class Database:
    """The minima of one potential, of any number of compositions, in a file; a context manager, which closes it.

    Changes are transactions: whole or not at all, durable once a method has returned, one writer after the other. All methods
    raise UsageError, InputError or ClusterOptError, in one line, where the file cannot be read or written.
    """

    def __init__(self, path: str | Path, potential: Potential | None, create: bool, patience: float) -> None:
        self.path, self._potential, self._patience = Path(path), potential, patience
        self._db = opening.connected(self.path, create, patience)
        self._runs: dict[int, keeping.Subject] = {}
        self._rows: dict[bytes, int] = {}  # numbers of rows by a digest of their atoms
        self._told: dict[tuple[int, bytes], tuple[int, Nature]] = {}  # what a run has told, and how often it was there

    @classmethod
    def open(
        cls,
        path: str | Path,
        potential: Potential | None = None,
        create: bool = True,
        patience: float = opening.PATIENCE,
    ) -> Self:
        """Opens the file. It is made if it is not there and `create` is set; without a potential it is only read and merged into.

        A method waits `patience` seconds for other writers. A file without minima, whose searches have ended, may be of another
        potential: it is given to this one. Raises InputError for a file that is missing or no database of
        minima, UsageError for one of another potential.
        """
        opened = cls(path, potential, create and potential is not None, patience)
        try:
            origin = origin_of(potential) if potential is not None and create else None
            opening.prepare(opened._db, opened.path, origin, patience)
            if potential is not None and create:
                opening.renew(opened._db, opened.path, potential, patience)
            if potential is not None:
                with opened._reading():
                    opening.check_potential(opened._db, opened.path, potential)
        except BaseException:
            opened.close()
            raise
        return opened

    @classmethod
    def like(cls, path: str | Path, other: "Database", patience: float = opening.PATIENCE) -> Self:
        """Opens the file to merge into it. It is made for the potential of `other` if it is not there."""
        opened = cls(path, None, True, patience)
        try:
            opening.prepare(opened._db, opened.path, other.origin, patience)
        except BaseException:
            opened.close()
            raise
        return opened

    @property
    def origin(self) -> Origin:
        """The potential of all minima."""
        with self._reading():
            return store.read_origin(self._db)

    def minima(self, formula: str | None = None, limit: int = -1) -> list[Found]:
        """The known minima of that formula (as ASE writes it), or of all, the lowest first; a negative limit means all.

        `n_reached` is the sum over all runs; the rest tells of the first of them.
        """
        with self._reading():
            rows = store.minima(self._db, formula, limit)
            hits = {number: store.hits(self._db, number) for number, _, _ in rows}
        for number, symbols, minimum in rows:
            self._rows[keeping.digest_of(symbols, minimum)] = number
        return [
            Found(minimum, sum(hit.n_reached for hit in hits[number].values()), *first_of(hits[number].values())[1:4])
            for number, _, minimum in rows
        ]

    def entries(self, formula: str | None = None) -> list[Entry]:
        """The minima of that formula, or of all, without their atoms, sorted by formula and energy."""
        with self._reading():
            return store.entries(self._db, formula)

    def atoms_of(self, entry: Entry) -> tuple[tuple[str, ...], Minimum]:
        """Symbols and minimum of an entry."""
        with self._reading():
            return store.minimum(self._db, entry.id)

    def runs(self) -> list[Run]:
        """All runs, in the order in which they began."""
        with self._reading():
            return [*store.runs(self._db).values()]

    def facts(self) -> dict[str, Notes]:
        """Further facts about the runs that have told any, by their uuid."""
        with self._reading():
            runs = store.runs(self._db)
            return {runs[number].uuid: facts for number, facts in notes.read(self._db).items() if number in runs}

    def prescreened(self) -> dict[int, Relaxation]:
        """The lowest minimum of another potential from which an entry was relaxed, by its id, where there is one."""
        with self._reading():
            own = relaxing.read(self._db)
        return dict(sorted(own, key=lambda pair: (-pair[1].energy, -pair[1].rank)))

    def faults(self) -> list[str]:
        """The damage in the file, a sentence each; empty for a sound one. Reads all of the file."""
        with self._reading():
            return soundness.faults(self._db)

    def hits(self, uuid: str) -> list[FirstHit]:
        """The first hits of all minima of that run, in the order of its evaluations."""
        with self._reading():
            return [FirstHit(*hit) for hit in store.energies(self._db, uuid)]

    def bests(self, uuid: str) -> list[FirstHit]:
        """Those of the first hits of that run that lay below all before them."""
        return falling(self.hits(uuid))

    def begin_run(self, info: RunInfo) -> int:
        """The number of a new run. Raises ValueError unless the database was opened with the potential for its elements.

        Raises UsageError where the file has been given to another potential since.
        """
        potential, elements = self._potential, elements_of(info.symbols)
        if potential is None or elements != elements_of(potential.elements):
            raise ValueError(
                f"a run of {elements} needs a database that was opened with the potential for these elements"
            )
        run = Run(
            uuid4().hex,
            formula_of(info.symbols),
            info.command,
            __version__,
            info.seed,
            keeping.now(),
            None,
            0,
            0.0,
            None,
        )
        with self._changing():
            opening.check_potential(self._db, self.path, potential)
            store.write_scales(self._db, elements, scales_of(potential))
            number = store.insert_run(self._db, run)
            scales = store.read_scales(self._db)[elements]
        self._runs[number] = keeping.Subject(number, tuple(info.symbols), origin_of(potential), scales)
        return number

    def repeats(self, run: int) -> int:
        """How many runs with the formula and the seed of that run began before it."""
        with self._reading():
            return store.n_like(self._db, run)

    def keep(
        self, run: int, found: Sequence[Found], point_groups: Sequence[str] = (), statuses: Sequence[str] = ()
    ) -> int:
        """Keeps the converged minima that a run has found so far, and returns how many of them are new to the file.

        `n_reached` counts the hits of this run alone; 0 stands for a known minimum that it has not come to. So it does no harm
        to keep a minimum again, with the same count or a higher one; only what has changed is written. `point_groups` and
        `statuses`, certificates in a word, go with `found`; an empty one is unknown.
        """
        subject = self._runs[run]
        news = keeping.news_of(subject.symbols, found, keeping.natures_of(point_groups, statuses))
        changed = [one for one in news if self._told.get((run, one.digest)) != (one.found.n_reached, one.nature)]
        if not changed:
            return 0
        with self._changing():
            rows, n_new = keeping.write(self._db, subject, news, changed, self._rows)
        self._rows |= rows
        self._told |= {(run, one.digest): (one.found.n_reached, one.nature) for one in changed}
        return n_new

    def leave_out(self, run: int, found: Sequence[Found], left: Sequence[tuple[Minimum, float]]) -> None:
        """Notes which points that a run has kept are saddle points, each with the energy of the minimum below it.

        They stay in the file with that status, and are no longer listed. `found` is what the run has kept as minima.
        """
        subject = self._runs[run]
        digests = [keeping.digest_of(subject.symbols, one.minimum) for one in found]
        with self._changing():
            keeping.leave_out(self._db, subject, left, {self._rows[one] for one in digests if one in self._rows})

    def relaxed(self, potential: str) -> dict[str, tuple[Relaxation, Minimum]]:
        """Relaxations that began at minima of another potential, by the digests of their atoms."""
        with self._reading():
            own = [(number, one) for number, one in relaxing.read(self._db) if one.potential == potential]
            return {one.start: (one, store.minimum(self._db, number)[1]) for number, one in own}

    def note_relaxed(self, run: int, relaxed: Sequence[tuple[Relaxation, Minimum]]) -> None:
        """Notes from which minima of another potential the minima of a run were relaxed; the run must have kept them."""
        subject = self._runs[run]
        with self._changing():
            numbers = [place(self._db, subject.symbols, one, subject.origin, subject.scales)[0] for _, one in relaxed]
            relaxing.write(self._db, [*zip(numbers, (told for told, _ in relaxed), strict=True)])

    def end_run(self, run: int, n_evaluations: int, seconds: float, stopped_by: str, facts: Notes = NONE) -> None:
        """Notes that a run has ended, after how much work, why (in words), and further facts about it."""
        with self._changing():
            notes.write(self._db, run, facts)
            store.write_progress(self._db, run, n_evaluations, seconds)
            store.write_end(self._db, run, keeping.now(), stopped_by)

    def end_latest_run(self, stopped_by: str) -> None:
        """Notes that the run that was begun last has ended, and why (in words), where its process cannot do so."""
        with self._changing():
            store.write_end(self._db, max(store.runs(self._db), default=0), keeping.now(), stopped_by)

    @property
    def content(self) -> bytes:
        """The bytes of the file, between two changes."""
        with self._reading():
            return self._db.serialize()

    def merge(self, other: "Database") -> Merged:
        """Takes over all minima and runs of another database; those that were taken over before are not counted again.

        Raises UsageError where it is of another potential.
        """
        return self._take_over({other.path: other._contents()})[0]

    @classmethod
    def merged(cls, path: str | Path, others: Sequence["Database"], patience: float = opening.PATIENCE) -> list[Merged]:
        """Takes over all of the others into the file, made if it is not there: of all of them, or nothing. Raises as `merge`."""
        every = {other.path: other._contents() for other in others}
        for (_, one), (name, other) in combinations(every.items(), 2):
            opening.check_origin(other.origin, one.origin, name)
            opening.check_scales(other.scales, one.scales, name)
        with cls.like(path, others[0], patience) as database:
            return database._take_over(every)

    def _contents(self) -> merging.Contents:
        with self._reading():
            return merging.contents_of(self._db)

    def _take_over(self, every: Mapping[Path, merging.Contents]) -> list[Merged]:
        """Takes over the contents of files in one transaction. Raises UsageError where one is of another potential."""
        for name, theirs in every.items():
            with self._reading():
                opening.check_origin(theirs.origin, store.read_origin(self._db), name)
                opening.check_scales(theirs.scales, store.read_scales(self._db), name)
        with self._changing():
            return [merging.write(self._db, theirs) for theirs in every.values()]

    def close(self) -> None:
        """Closes the file; nothing can be kept afterwards."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reading(self) -> AbstractContextManager[None]:
        return opening.in_words(self.path, self._patience)

    def _changing(self) -> AbstractContextManager[None]:
        return opening.transaction(self._db, self.path, self._patience)


def falling(hits: Sequence[FirstHit]) -> list[FirstHit]:
    """Those that are lower than all before them."""
    lowest, kept = float("inf"), []
    for hit in hits:
        if hit.energy < lowest:
            lowest = hit.energy
            kept.append(hit)
    return kept
