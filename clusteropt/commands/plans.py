"""The output files of a command, and other wishes. The module imports little, so that an invalid name is reported at once."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from clusteropt.errors import UsageError
from clusteropt.runtime.files import check_writable, stem_of

STDOUT = Path("-")


@dataclass(frozen=True)
class OutputPlan:
    """The output file of every input file, by kind. Several inputs may share one output."""

    outputs: dict[str, Path] = field(default_factory=dict)
    trajectories: dict[str, Path] = field(default_factory=dict)
    minima: dict[str, Path] = field(default_factory=dict)

    @property
    def to_stdout(self) -> bool:
        """True where standard output gets the structures in place of a table."""
        return STDOUT in self.outputs.values()


NO_OUTPUT = OutputPlan()


class Outputs(NamedTuple):
    """The output options of a user."""

    out: Path | None = None
    force: bool = False  # overwrite existing files
    trajectories: bool = False
    minima: bool = False


class Show(NamedTuple):
    """The display options of a user."""

    json: bool = False
    wide: bool = False  # all columns of the table
    quiet: bool = False


SHOW = Show()


def check_picture(path: Path, force: bool) -> None:
    """Raises UsageError where a picture cannot be written to that file."""
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise UsageError(f"{path}: pictures are PNG, SVG or PDF: end the name in .png, .svg or .pdf")
    check_writable(path, force)


def plan_outputs(files: list[str], wanted: Outputs) -> OutputPlan:
    """The output files for the input `files`. Raises UsageError where one exists, or cannot be written."""
    out = wanted.out
    outputs = {f: out if out is not None else Path(f"{_stem(f)}.min.xyz") for f in files}
    folder = out.parent if out is not None and out != STDOUT else Path()
    moving = {f: folder / f"{_stem(f)}.trajectory.xyz" for f in files} if wanted.trajectories else {}
    several = {f: folder / f"{_stem(f)}.minima.xyz" for f in files} if wanted.minima else {}
    results = {out} if out is not None else outputs.values()  # all inputs may share --out
    clashes = [p for p, n in Counter([*results, *moving.values(), *several.values()]).items() if n > 1]
    if clashes:
        raise UsageError(
            f"several inputs would be written to {clashes[0]}: give one --out for all, or a separate run for each"
        )
    for path in {*outputs.values(), *moving.values(), *several.values()} - {STDOUT}:
        check_writable(path, wanted.force)
    return OutputPlan(outputs, moving, several)


def _stem(spec: str) -> str:
    return "stdin" if spec == "-" else stem_of(spec if os.path.exists(spec) else spec.rpartition("@")[0] or spec)


class Comparison(NamedTuple):
    """The request of a user: optimizers to compare, tasks, and files for the scores."""

    optimizers: list[str]
    tasks: str  # formulas or net: tasks, separated by commas
    alone: bool  # leave the baselines out
    test: bool  # refuse tasks that were in the training
    plot: Path | None
    save_scores: bool
    force: bool
