"""Writes results to files, now and then while others are computed, and at the end. A result counts as kept once it is written."""

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
from clusteropt.engine.step import Status
from clusteropt.errors import ClusterOptError
from clusteropt.io.extxyz import text_of
from clusteropt.io.reading import Frame, Unreadable
from clusteropt.result import Result, failed
from clusteropt.runtime.files import write_atomically
from clusteropt.words import listed, so_many_of

Unread = tuple[int, Unreadable]  # with the number of the frames before it
Track = list[tuple[int, int, np.ndarray]]  # frame, evaluations, positions
_EVERY = 2.0  # seconds between two rounds of writing, at least
_RARELY = 20  # the same interval in units of the time that the last round took
_NAMED = 4  # output files that a message names


class Keeper:
    """The results of a command, and the output files that hold them."""

    def __init__(self, frames: Sequence[Frame], plan: OutputPlan, unreadable: Sequence[Unread] = ()) -> None:
        self.results: dict[int, Result] = {}  # by frame
        self._frames, self._plan, self._unreadable = frames, plan, unreadable
        self._held: dict[Path, set[int]] = {}  # the frames in each file, as last written
        self._texts: dict[int, str] = {}  # results as text, by frame
        self._at, self._took = time.monotonic(), 0.0  # the end and the duration of the last round, in seconds

    @property
    def rows(self) -> list[tuple[str, Result]]:
        """Labels and results, in the order of the input."""
        return [(self._frames[i].label, self.results[i]) for i in sorted(self.results)]

    @property
    def all_rows(self) -> list[tuple[str, Result]]:
        """The same, with what could not be read."""
        rows = [(i, (self._frames[i].label, result)) for i, result in self.results.items()]
        bad = [(i, (one.label, failed(Atoms(), Status.UNREADABLE, one.problem))) for i, one in self._unreadable]
        return [row for _, row in sorted(bad + rows, key=lambda pair: pair[0])]  # equal numbers keep their order

    @property
    def n_finished(self) -> int:
        """The number of structures with a complete result."""
        return len(self._finished())

    @property
    def n_kept(self) -> int:
        """The number of structures with a complete result in an output file."""
        return len(self._finished() & self._in_files())

    @property
    def words(self) -> str:
        """The progress in words: `2 of 4 structures are finished and kept`. Kept means written to a file."""
        kept = bool(self._plan.outputs)
        n_done = self.n_kept if kept else self.n_finished
        more = len(self._in_files() - self._finished())
        done = f"{so_many_of(n_done, len(self._frames), 'structure')} finished{' and kept' if kept else ''}"
        return f"{done}, and the lowest minima so far of {more} more" if more else done

    def _finished(self) -> set[int]:
        return {i for i, result in self.results.items() if result.status != "interrupted"}

    def _in_files(self) -> set[int]:
        return set().union(*(self._held.get(path, ()) for path in set(self._plan.outputs.values())))

    def add(self, portion: Mapping[int, Result]) -> None:
        self.results |= portion

    def keep(self) -> bool:
        """Writes the files that have new results, if a round is due. True where it wrote, and all files are up to date.

        Errors, such as a full disk, are reported at the end by `finish`.
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
        """Writes all files, and names them unless `quiet`. Returns False where a file could not be written."""
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
        """Files of an earlier run that this run was to overwrite, but had no result for."""
        used = {self._frames[i].source for i, result in self.results.items() if result.is_usable}
        planned = {*self._plan.outputs.values(), *self._plan.minima.values()} - {STDOUT}
        ways = {path for source, path in self._plan.trajectories.items() if source not in used}
        return [path for path in sorted((planned - self._files().keys()) | ways) if path.is_file()]

    def _changed(self) -> dict[Path, set[int]]:
        """The files that are not up to date, with the frames that each should hold."""
        return {path: own for path, own in self._files().items() if self._held.get(path) != own or not path.exists()}

    def _files(self) -> dict[Path, set[int]]:
        """The frames that each file should hold. Unusable structures are left out."""
        files: dict[Path, set[int]] = {}
        for i in sorted(self.results):
            source, result = self._frames[i].source, self.results[i]
            if source in self._plan.outputs and result.is_usable:
                files.setdefault(self._plan.outputs[source], set()).add(i)
            if source in self._plan.minima and result.minima:
                files.setdefault(self._plan.minima[source], set()).add(i)
        return files

    def _write(self, path: Path, own: set[int]) -> None:
        write_atomically(path, self._content(path, own))
        self._held[path] = own

    def _content(self, path: Path, own: set[int]) -> str:
        """The text of a file: the lowest minima of these frames, or in a file of `--all-minima` all minima found."""
        if path in self._plan.minima.values():
            return "".join(text_of(self.results[i].minima) for i in sorted(own))
        for i in own:
            if i not in self._texts:
                self._texts[i] = _text(self._frames[i].label, self.results[i])
        return "".join(self._texts[i] for i in sorted(own))


def _text(label: str, result: Result) -> str:
    """The result as a frame of extended XYZ. Info and arrays of the input are left out where they cannot be written."""
    try:
        return result.text
    except Exception as problem:  # noqa: BLE001  info and arrays hold objects of any kind
        complain(f"{label}: info and arrays of the input cannot be written ({type(problem).__name__}) and are left out")
        given = result.given
        bare = Atoms(given.numbers, given.positions, cell=given.cell, pbc=given.pbc, constraint=given.constraints)
        return replace(result, given=bare).text


def write_trajectories(
    frames: Sequence[Frame],
    results: Mapping[int, Result],
    track: Track,
    plan: OutputPlan,
    potential: str | None,
    quiet: bool,
) -> bool:
    """Writes the trajectories of the finished structures. Returns False where a file could not be written."""
    done = {i: r for i, r in results.items() if r.status != "interrupted" and r.potential is not None and not r.problem}
    texts = _trajectories(frames, done, track, plan, potential)
    return _write_all(texts, lambda path: write_atomically(path, texts[path]), quiet)


def _trajectories(
    frames: Sequence[Frame], results: Mapping[int, Result], track: Track, plan: OutputPlan, potential: str | None
) -> dict[Path, str]:
    """The text of each trajectory file: frames with energies and forces, sorted by structure and then by evaluations."""
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
    """The frames with energies and forces. `evaluations` stays the count along the trajectory."""
    evaluated = [result.atoms for result in energy(given, potential)]
    for atoms, before in zip(evaluated, given, strict=True):
        atoms.info["evaluations"] = before.info["evaluations"]
    return evaluated


def _write_all(paths: Iterable[Path], write: Callable[[Path], None], quiet: bool) -> bool:
    """Writes each file, and names the written ones unless `quiet`. Returns False where a file could not be written."""
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
