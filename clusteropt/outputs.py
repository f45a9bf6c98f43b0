"""Results on their way to files: written now and then while more are computed, and at the end; nothing before it is written
counts as kept.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms

from clusteropt.api import evaluate
from clusteropt.console import complain, emit, say
from clusteropt.errors import ClusterOptError
from clusteropt.extxyz import text_of
from clusteropt.files import write_atomically
from clusteropt.plans import STDOUT, Plan
from clusteropt.reading import Frame
from clusteropt.result import Result
from clusteropt.words import listed

Track = list[tuple[int, int, np.ndarray]]  # frame, evaluations, positions
_EVERY = 2.0  # seconds between two times that the files are written, at least
_RARELY = 20  # times as long as writing them takes
_NAMED = 4  # output files that are told by name


class Keeper:
    """The results of a command and the files they belong to."""

    def __init__(self, frames: Sequence[Frame], plan: Plan) -> None:
        self.results: dict[int, Result] = {}  # by frame
        self.n_kept = 0  # finished structures that the files hold
        self._n_written = 0  # results in the files, of searches that were stopped as well
        self._frames, self._plan = frames, plan
        self._texts: dict[int, str] = {}  # frames as the files have them
        self._at, self._took = time.monotonic(), 0.0  # when the files were written, and for how long

    @property
    def rows(self) -> list[tuple[str, Result]]:
        """Labels and results, in the order of the input."""
        return [(self._frames[i].label, self.results[i]) for i in sorted(self.results)]

    @property
    def n_finished(self) -> int:
        """Structures with a result that nothing has cut short."""
        return sum(result.status != "interrupted" for result in self.results.values())

    def add(self, portion: Mapping[int, Result]) -> None:
        self.results |= portion

    def keep(self) -> bool:
        """Writes what is new, where it is time to; whether it did. A disk that is full is spoken of at the end."""
        due = time.monotonic() - self._at > max(_EVERY, _RARELY * self._took)
        if not due or self._n_written == len(self.results) or not self._plan.outputs or self._plan.to_stdout:
            return False
        began = time.monotonic()
        with suppress(ClusterOptError):
            for path, text in self._contents().items():
                write_atomically(path, text)
            self._n_written, self.n_kept = len(self.results), self.n_finished
        self._at = time.monotonic()
        self._took = self._at - began
        return self._n_written == len(self.results)

    def finish(self, more: Mapping[Path, str], quiet: bool) -> bool:
        """Writes all, and `more`; whether every file could be written. Those that could are there, and are named."""
        contents = self._contents() | dict(more)
        structures = contents.pop(STDOUT, None)
        complete = _write_all(contents, quiet)
        if structures is not None:
            emit(structures.rstrip("\n"))
        return complete

    def _contents(self) -> dict[Path, str]:
        """The structures for the files: the lowest minima, and all where that was asked for; none that could not be used."""
        parts: dict[Path, list[str]] = {}
        for i in sorted(self.results):
            source, result = self._frames[i].source, self.results[i]
            if source in self._plan.outputs and not result.problem:
                if i not in self._texts:
                    self._texts[i] = _text(self._frames[i].label, result)
                parts.setdefault(self._plan.outputs[source], []).append(self._texts[i])
            if source in self._plan.minima and result.minima:
                parts.setdefault(self._plan.minima[source], []).append(text_of(result.minima))
        return {path: "".join(texts) for path, texts in parts.items()}


def _text(label: str, result: Result) -> str:
    """The result as a frame of a file; without the info and arrays of its input where these cannot be written."""
    try:
        return result.text
    except Exception as problem:  # noqa: BLE001  what is in info and arrays comes from anywhere
        complain(f"{label}: its info and arrays cannot be written ({type(problem).__name__}), and are left out")
        given = result.given
        bare = Atoms(given.numbers, given.positions, cell=given.cell, pbc=given.pbc, constraint=given.constraints)
        return replace(result, given=bare).text


def ways(
    frames: Sequence[Frame], results: Mapping[int, Result], track: Track, plan: Plan, potential: str | None
) -> dict[Path, str]:
    """Frames along the way, by structure and then by evaluations, with their energies and forces."""
    ends = [(i, 0, frames[i].atoms.positions) for i in results]
    ends += [(i, r.n_evaluations, r.atoms.positions) for i, r in results.items()]
    contents: dict[Path, list[Atoms]] = {}
    for i, n, positions in sorted([*track, *ends], key=lambda t: t[:2]):
        if results[i].potential is not None and not results[i].problem:
            atoms = frames[i].atoms.copy()
            atoms.set_positions(positions, apply_constraint=False)
            atoms.info |= {"structure": frames[i].index, "evaluations": n}
            contents.setdefault(plan.trajectories[frames[i].source], []).append(atoms)
    return {path: text_of(_evaluated(given, potential)) for path, given in contents.items()}


def _evaluated(given: list[Atoms], potential: str | None) -> list[Atoms]:
    """With energies and forces; `evaluations` stay those of the way."""
    evaluated = [result.atoms for result in evaluate(given, potential)]
    for atoms, before in zip(evaluated, given, strict=True):
        atoms.info["evaluations"] = before.info["evaluations"]
    return evaluated


def _write_all(contents: Mapping[Path, str], quiet: bool) -> bool:
    complete, done = True, []
    for path, text in contents.items():
        try:
            write_atomically(path, text)
            done.append(str(path))
        except ClusterOptError as problem:
            complete = False
            complain(str(problem))
    if done and not quiet:
        say(f"written to {listed(done, _NAMED)}")
    return complete
