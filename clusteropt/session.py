"""What the commands do with files: read them all, compute, write the results, report, and choose the exit code."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clusteropt import runtime
from clusteropt.config import OPTIMIZERS, MinimizeSettings, ReadingSettings
from clusteropt.console import complain, emit, say
from clusteropt.errors import ClusterOptError, ExitCode, Interrupted, UsageError
from clusteropt.files import check_writable, stem_of
from clusteropt.signals import Signals, remembered

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms

    from clusteropt.api import Result
    from clusteropt.lanes import Watch
    from clusteropt.reading import Frame

STDOUT = Path("-")
Track = list[tuple[int, int, "np.ndarray"]]  # frame, evaluations, positions
_NAMED = 4  # output files that are told by name


@dataclass(frozen=True)
class Plan:
    """Where results go: input file -> output file. Several inputs may share one."""

    outputs: dict[str, Path] = field(default_factory=dict)
    trajectories: dict[str, Path] = field(default_factory=dict)
    minima: dict[str, Path] = field(default_factory=dict)


NO_OUTPUT = Plan()


def plan_outputs(
    files: list[str], out: Path | None, force: bool, trajectories: bool = False, minima: bool = False
) -> Plan:
    """Where the results of `files` go. Raises UsageError where a file exists or could not be written."""
    outputs = {f: out if out is not None else Path(f"{_stem(f)}.min.xyz") for f in files}
    folder = out.parent if out is not None and out != STDOUT else Path()
    moving = {f: folder / f"{_stem(f)}.trajectory.xyz" for f in files} if trajectories else {}
    several = {f: folder / f"{_stem(f)}.minima.xyz" for f in files} if minima else {}
    results = {out} if out is not None else outputs.values()  # all inputs may share --out
    clashes = [p for p, n in Counter([*results, *moving.values(), *several.values()]).items() if n > 1]
    if clashes:
        raise UsageError(f"several inputs would be written to {clashes[0]}: give one --out for all, or run them apart")
    for path in {*outputs.values(), *moving.values(), *several.values()} - {STDOUT}:
        check_writable(path, force)
    return Plan(outputs, moving, several)


def _stem(spec: str) -> str:
    return "stdin" if spec == "-" else stem_of(spec if os.path.exists(spec) else spec.rpartition("@")[0] or spec)


def minimize_files(
    files: list[str],
    settings: MinimizeSettings,
    plan: Plan,
    *,
    reading: ReadingSettings,
    threads: int | None,
    json: bool,
    wide: bool,
    quiet: bool,
) -> ExitCode:
    """`clusteropt minimize`: returns the exit code, after everything is written and shown."""
    return _process(files, settings, plan, reading, threads, json, wide, quiet, move=True)


def evaluate_files(
    files: list[str],
    potential: str | None,
    plan: Plan,
    *,
    reading: ReadingSettings,
    threads: int | None,
    json: bool,
    wide: bool,
    quiet: bool,
) -> ExitCode:
    """`clusteropt energy`."""
    return _process(files, MinimizeSettings(potential), plan, reading, threads, json, wide, quiet, move=False)


def _process(
    files: list[str],
    settings: MinimizeSettings,
    plan: Plan,
    reading: ReadingSettings,
    threads: int | None,
    json: bool,
    wide: bool,
    quiet: bool,
    move: bool,
) -> ExitCode:
    if json and STDOUT in plan.outputs.values():
        raise UsageError("--json and --out - both want standard output: give --out a file name")
    with remembered(signal.SIGINT) as ctrl_c:
        runtime.prepare(threads or runtime.n_cores())
        _warn_of(settings.potential, quiet)
        frames, unreadable = _read_all(files, reading, settings.potential, quiet)
        track: Track = []
        results = _compute(frames, settings, quiet, move, track if plan.trajectories else None, ctrl_c)
        ctrl_c.patient = True  # what is finished is written first
        done = [i for i in range(len(frames)) if i in results]
        rows = [(frames[i].label, results[i]) for i in done]
        for label, result in rows:
            if result.problem:
                complain(f"{label}: {result.problem}")
        if not quiet:
            _doubt(rows, settings, move)
        apart = sum(result.status == "fragmented" for _, result in rows)
        if apart and not quiet:
            say(f"{apart} of {len(rows)} structures came apart: a denser start keeps atoms in each other's reach")
        unusable = sum(bool(result.problem) for _, result in rows)
        if unusable and plan.outputs and not quiet:
            say(f"{unusable} of {len(rows)} structures could not be used and are in no file of results")
        contents = _contents(frames, results, plan)
        if plan.trajectories and not ctrl_c.heard:
            contents |= _ways(frames, results, track, plan, settings)
        written = _write_all(contents, quiet)
        if STDOUT not in plan.outputs.values():
            _show(rows, json, wide, move)
    if ctrl_c.heard:
        from clusteropt.programs import drop_waiting

        drop_waiting()
        raise Interrupted(f"interrupted: {len(done)} of {len(frames)} structures are finished and kept")
    return _exit_code([r.status for _, r in rows], unreadable) if written else ExitCode.FAILURE


def _warn_of(potential: str | None, quiet: bool) -> None:
    """A word where the parameter set asked for is a doubtful one."""
    from clusteropt.potentials import sets

    doubt = sets.doubt(potential)
    if doubt and not quiet:
        say(f"warning: {doubt}")


def _show(rows: list[tuple[str, "Result"]], json: bool, wide: bool, move: bool) -> None:
    from clusteropt.report import results_json, results_table
    from clusteropt.tables import show

    if json:
        emit(results_json(rows))
    elif rows:
        show(results_table(rows, moved=move), wide)


def _read_all(
    files: list[str], reading: ReadingSettings, potential: str | None, quiet: bool
) -> tuple[list["Frame"], int]:
    """The frames of all files that can be read, and how many cannot; says once for each file how it was understood."""
    from clusteropt.reading import Unreadable, frames, wishes_of

    wishes = wishes_of(reading, potential)
    found: list[Frame] = []
    noted: set[tuple[str, str]] = set()
    unreadable = 0
    for one in (frame for name in files for frame in frames(name, wishes)):
        if isinstance(one, Unreadable):
            unreadable += 1
            complain(f"{one.label}: {one.problem}")
            continue
        found.append(one)
        if one.note and not quiet and (one.source, one.note) not in noted:
            noted.add((one.source, one.note))
            say(f"{one.source}: {one.note}")
    return found, unreadable


def _compute(
    frames: list["Frame"], settings: MinimizeSettings, quiet: bool, move: bool, track: "Track | None", ctrl_c: Signals
) -> dict[int, "Result"]:
    """Results by frame, of all frames, or of those that were done when Ctrl-C came; `track` gets the ways there."""
    from clusteropt.api import run

    results: dict[int, Result] = {}
    watch: Watch | None = None
    if track is not None:
        watch = lambda i, n, positions: track.append((i, n, positions.copy()))  # noqa: E731
    announced: set[object] = set()
    try:
        with _progress(len(frames), quiet) as step:
            for portion in run([f.atoms for f in frames], settings, move=move, watch=watch):
                results |= portion
                step(len(portion))
                for i, result in portion.items():
                    _announce(frames[i], result, settings, announced, quiet, move)
                if ctrl_c.heard:
                    break
    except KeyboardInterrupt:
        pass
    return results


def _announce(
    frame: "Frame", result: "Result", settings: MinimizeSettings, announced: set[object], quiet: bool, move: bool
) -> None:
    """Once per potential: which it is and when a structure counts as converged; once per file: doubts about units."""
    potential = result.potential
    if quiet or potential is None:
        return
    if (potential.name, potential.elements) not in announced:
        announced.add((potential.name, potential.elements))
        how = ("as asked for " if settings.potential else "default for ") + "-".join(potential.elements)
        say(f"potential {potential.name} ({how}; {potential.energy_unit}, {potential.length_unit})")
        if move and not result.problem:
            from clusteropt.minima import criterion_for

            criterion = criterion_for(settings, potential)
            by = "" if frame.atoms.pbc.all() and settings.optimizer not in OPTIMIZERS else f", by {settings.optimizer}"
            say(f"converged at {criterion.measure} <= {criterion.tolerance:.3g} {potential.force_unit}{by}")
    if result.problem:
        return
    from clusteropt import doubts

    box = doubts.of_box(frame.atoms, potential) if move and settings.optimizer not in OPTIMIZERS else ""
    if box and box not in announced:
        announced.add(box)
        say(f"{frame.label}: {box}")
    if frame.source not in announced:
        announced.add(frame.source)
        doubt = doubts.of_units(frame.atoms, potential)
        if doubt:
            say(f"warning: {frame.label}: {doubt}")


def _doubt(rows: list[tuple[str, "Result"]], settings: MinimizeSettings, move: bool) -> None:
    """A word, once for all structures, where a learned optimizer was asked for what it was not trained on."""
    if not move or settings.optimizer in OPTIMIZERS:
        return
    from clusteropt import cards, weights

    known = [
        (label, r.given.get_chemical_symbols(), r.potential)
        for label, r in rows
        if r.potential is not None and not r.problem and len(r.given) > 1
    ]
    doubt = cards.doubts(weights.named(settings.optimizer), known)
    if doubt:
        say(f"warning: {doubt}: look at the gain, or see `clusteropt optimizers show {settings.optimizer}`")


def _contents(frames: list["Frame"], results: dict[int, "Result"], plan: Plan) -> dict[Path, list["Atoms"]]:
    """What is to be written: the lowest minima, and all of them where that was asked for; not what could not be used."""
    contents: dict[Path, list[Atoms]] = {}
    for i, frame in enumerate(frames):
        if i in results and frame.source in plan.outputs and not results[i].problem:
            contents.setdefault(plan.outputs[frame.source], []).append(results[i].atoms)
        if i in results and frame.source in plan.minima:
            contents.setdefault(plan.minima[frame.source], []).extend(results[i].minima)
    return {path: atoms for path, atoms in contents.items() if atoms}


def _ways(
    frames: list["Frame"], results: dict[int, "Result"], track: "Track", plan: Plan, settings: MinimizeSettings
) -> dict[Path, list["Atoms"]]:
    """Frames along the way, by structure and then by evaluations, with their energies and forces."""
    from clusteropt.api import evaluate

    ends = [(i, 0, frames[i].atoms.positions) for i in results]
    ends += [(i, r.n_evaluations, r.atoms.positions) for i, r in results.items()]
    contents: dict[Path, list[Atoms]] = {}
    for i, n, positions in sorted([*track, *ends], key=lambda t: t[:2]):
        if results[i].potential is not None and not results[i].problem:
            atoms = frames[i].atoms.copy()
            atoms.set_positions(positions, apply_constraint=False)
            atoms.info |= {"structure": frames[i].index, "evaluations": n}
            contents.setdefault(plan.trajectories[frames[i].source], []).append(atoms)
    for path, given in contents.items():
        evaluated = [result.atoms for result in evaluate(given, settings.potential)]
        for atoms, before in zip(evaluated, given, strict=True):
            atoms.info["evaluations"] = before.info["evaluations"]
        contents[path] = evaluated
    return contents


def _write_all(contents: dict[Path, list["Atoms"]], quiet: bool) -> bool:
    """Whether every file could be written; those that could are there in any case, and are named."""
    from clusteropt.extxyz import text_of
    from clusteropt.files import write_atomically

    complete, done = True, []
    for path, atoms in contents.items():
        if path == STDOUT:
            emit(text_of(atoms).rstrip("\n"))
            continue
        try:
            write_atomically(path, text_of(atoms))
            done.append(str(path))
        except ClusterOptError as problem:
            complete = False
            complain(str(problem))
    if done and not quiet:
        more = f" and {len(done) - _NAMED} more" if len(done) > _NAMED else ""
        say(f"written to {', '.join(done[:_NAMED])}{more}")
    return complete


def _exit_code(statuses: list[str], unreadable: int) -> ExitCode:
    if unreadable or {"invalid-structure", "no-potential"} & set(statuses):
        return ExitCode.INPUT
    return ExitCode.OK if all(s in ("converged", "evaluated") for s in statuses) else ExitCode.NOT_CONVERGED


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator:
    """A bar on stderr where someone watches; gives a function to call with the number of structures done."""
    if quiet or total < 2 or not sys.stderr.isatty():
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("structures", total=total)
        yield lambda n: bar.advance(task, n)
