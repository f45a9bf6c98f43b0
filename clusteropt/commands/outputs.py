"""Results on their way to files: written now and then while more are computed, and at the end; nothing before it is written
counts as kept.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms

from clusteropt.api import energy
from clusteropt.commands.plans import STDOUT, OutputPlan
from clusteropt.console import complain, emit_frames, say
from clusteropt.errors import ClusterOptError
from clusteropt.io.extxyz import text_of
from clusteropt.io.reading import Frame
from clusteropt.result import Result
from clusteropt.runtime.files import write_atomically
from clusteropt.words import listed, so_many_of

Track = list[tuple[int, int, np.ndarray]]  # frame, evaluations, positions
_EVERY = 2.0  # seconds between two times that the files are written, at least
_RARELY = 20  # times as long as writing them takes
_NAMED = 4  # output files that are told by name


class Keeper:
    """The results of a command and the files they belong to."""

    def __init__(self, frames: Sequence[Frame], plan: OutputPlan) -> None:
        self.results: dict[int, Result] = {}  # by frame
        self._frames, self._plan = frames, plan
        self._held: dict[Path, set[int]] = {}  # the frames that have something in each file, as it was last written
        self._texts: dict[int, str] = {}  # frames as the files have them
        self._at, self._took = time.monotonic(), 0.0  # when the files were written, and for how long

    @property
    def rows(self) -> list[tuple[str, Result]]:
        """Labels and results, in the order of the input."""
        return [(self._frames[i].label, self.results[i]) for i in sorted(self.results)]

    @property
    def n_finished(self) -> int:
        """Structures with a result that nothing has cut short."""
        return len(self._finished())

    @property
    def n_kept(self) -> int:
        """Those of them that a file of results holds."""
        return len(self._finished() & self._in_files())

    @property
    def words(self) -> str:
        """How far it is, in words: `2 of 4 structures are finished and kept`; kept is what a file holds."""
        kept = bool(self._plan.outputs)
        n_done = self.n_kept if kept else self.n_finished
        more = len(self._in_files() - self._finished())
        done = f"{so_many_of(n_done, len(self._frames), 'structure')} finished{' and kept' if kept else ''}"
        return f"{done}, and of {more} more the lowest minima so far" if more else done

    def _finished(self) -> set[int]:
        return {i for i, result in self.results.items() if result.status != "interrupted"}

    def _in_files(self) -> set[int]:
        return set().union(*(self._held.get(path, ()) for path in set(self._plan.outputs.values())))

    def add(self, portion: Mapping[int, Result]) -> None:
        self.results |= portion

    def keep(self) -> bool:
        """Writes the files that have something new, where it is time to; whether all are as they should be then.

        A disk that is full is spoken of at the end.
        """
        due = time.monotonic() - self._at > max(_EVERY, _RARELY * self._took)
        changed = self._changed() if due and not self._plan.to_stdout else {}
        if not changed:
            return False
        began = time.monotonic()
        for path, own in changed.items():
            with suppress(ClusterOptError):
                self._write(path, own)
        self._at = time.monotonic()
        self._took = self._at - began
        return not self._changed()

    def finish(self, quiet: bool) -> bool:
        """Writes all; whether every file could be written. Those that could are there, and are named."""
        paths = self._files()
        structures = paths.pop(STDOUT, None)
        changed = self._changed()
        whole = _write_all(paths, lambda path: self._write(path, changed[path]) if path in changed else None, quiet)
        if structures is not None:
            emit_frames(self._content(STDOUT, structures))
            self._held[STDOUT] = structures
        return whole

    @property
    def old(self) -> list[Path]:
        """Files of an earlier run, under the names of this one, which has had nothing to write to them."""
        used = {self._frames[i].source for i, result in self.results.items() if not result.problem}
        planned = {*self._plan.outputs.values(), *self._plan.minima.values()} - {STDOUT}
        ways = {path for source, path in self._plan.trajectories.items() if source not in used}
        return [path for path in sorted((planned - self._files().keys()) | ways) if path.is_file()]

    def _changed(self) -> dict[Path, set[int]]:
        """The files that do not hold what they should, and what they should."""
        return {path: own for path, own in self._files().items() if self._held.get(path) != own or not path.exists()}

    def _files(self) -> dict[Path, set[int]]:
        """The frames that each file should hold; not what could not be used."""
        files: dict[Path, set[int]] = {}
        for i in sorted(self.results):
            source, result = self._frames[i].source, self.results[i]
            if source in self._plan.outputs and not result.problem:
                files.setdefault(self._plan.outputs[source], set()).add(i)
            if source in self._plan.minima and result.minima:
                files.setdefault(self._plan.minima[source], set()).add(i)
        return files

    def _write(self, path: Path, own: set[int]) -> None:
        write_atomically(path, self._content(path, own))
        self._held[path] = own

    def _content(self, path: Path, own: set[int]) -> str:
        """The lowest minima of these frames, or all that were found."""
        if path in self._plan.minima.values():
            return "".join(text_of(self.results[i].minima) for i in sorted(own))
        for i in own:
            if i not in self._texts:
                self._texts[i] = _text(self._frames[i].label, self.results[i])
        return "".join(self._texts[i] for i in sorted(own))


def _text(label: str, result: Result) -> str:
    """The result as a frame of a file; without the info and arrays of its input where these cannot be written."""
    try:
        return result.text
    except Exception as problem:  # noqa: BLE001  what is in info and arrays comes from anywhere
        complain(f"{label}: its info and arrays cannot be written ({type(problem).__name__}), and are left out")
        given = result.given
        bare = Atoms(given.numbers, given.positions, cell=given.cell, pbc=given.pbc, constraint=given.constraints)
        return replace(result, given=bare).text


def write_ways(
    frames: Sequence[Frame],
    results: Mapping[int, Result],
    track: Track,
    plan: OutputPlan,
    potential: str | None,
    quiet: bool,
) -> bool:
    """Writes the ways of the structures that are finished; whether every file could be written."""
    done = {i: r for i, r in results.items() if r.status != "interrupted" and r.potential is not None and not r.problem}
    texts = _ways(frames, done, track, plan, potential)
    return _write_all(texts, lambda path: write_atomically(path, texts[path]), quiet)


def _ways(
    frames: Sequence[Frame], results: Mapping[int, Result], track: Track, plan: OutputPlan, potential: str | None
) -> dict[Path, str]:
    """Frames along the way, by structure and then by evaluations, with their energies and forces."""
    ends = [(i, 0, frames[i].atoms.positions) for i in results]
    ends += [(i, r.n_evaluations, r.atoms.positions) for i, r in results.items()]
    contents: dict[Path, list[Atoms]] = {}
    for i, n, positions in sorted([*(t for t in track if t[0] in results), *ends], key=lambda t: t[:2]):
        atoms = frames[i].atoms.copy()
        atoms.set_positions(positions, apply_constraint=False)
        atoms.info |= {"structure": frames[i].index, "evaluations": n}
        contents.setdefault(plan.trajectories[frames[i].source], []).append(atoms)
    return {path: text_of(_evaluated(given, potential)) for path, given in contents.items()}


def _evaluated(given: list[Atoms], potential: str | None) -> list[Atoms]:
    """With energies and forces; `evaluations` stay those of the way."""
    evaluated = [result.atoms for result in energy(given, potential)]
    for atoms, before in zip(evaluated, given, strict=True):
        atoms.info["evaluations"] = before.info["evaluations"]
    return evaluated


def _write_all(paths: Iterable[Path], write: Callable[[Path], None], quiet: bool) -> bool:
    """Writes each file; whether all could be. Those that could are named."""
    complete, done = True, []
    for path in paths:
        try:
            write(path)
            done.append(str(path))
        except ClusterOptError as problem:
            complete = False
            complain(str(problem))
    if done and not quiet:
        say(f"written to {listed(done, _NAMED)}")
    return complete
