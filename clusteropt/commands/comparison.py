"""`clusteropt compare`: reads two structures, says whether they are the same, and writes them laid on each other."""

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from clusteropt.commands.plans import STDOUT, Outputs, Show
from clusteropt.console import emit, emit_frames, say
from clusteropt.errors import ExitCode, InputError, UsageError
from clusteropt.runtime.files import check_writable, write_atomically
from clusteropt.settings.config import CompareSettings, ReadingSettings
from clusteropt.settings.merging import merged

if TYPE_CHECKING:
    from clusteropt.clusters.sameness import Comparison
    from clusteropt.io.reading import Frame


def compare(
    files: tuple[str, str], given: dict[str, Any], reading: dict[str, Any], outputs: Outputs, show: Show
) -> ExitCode:
    """Compares the structures of two files and prints how much they differ; DIFFERENT where they are not the same.

    Raises UsageError for a wrong option, and InputError for a file that cannot be used.
    """
    settings = merged(CompareSettings, None, given)
    _check(files, outputs, show)
    a, b = (_frame(name, merged(ReadingSettings, None, reading), show.quiet) for name in files)
    from clusteropt import comparing

    found = comparing.compare(a.atoms, b.atoms, settings.mirror, settings.tolerance)
    length = comparing.neighbour_distance(a.atoms, b.atoms)
    if not show.quiet:
        say(_remark(a, b, found, settings.tolerance * length))
    if outputs.out != STDOUT:
        _print((a, b), found, length, show)
    if outputs.out is not None and len(found.order):
        _write(a, b, found, outputs, show.quiet)
    return ExitCode.OK if found.same else ExitCode.DIFFERENT


def _check(files: tuple[str, str], outputs: Outputs, show: Show) -> None:
    if files == ("-", "-"):
        raise UsageError("both structures cannot come from standard input: name a file for one of them")
    if outputs.out == STDOUT and show.json:
        raise UsageError("--json and --out - both write to standard output: give --out a file name")
    if outputs.out is not None and outputs.out != STDOUT:
        check_writable(outputs.out, outputs.force)


def _frame(name: str, reading: ReadingSettings, quiet: bool) -> "Frame":
    """The one structure of a file. Raises InputError where there are several, and for one that cannot be compared."""
    from clusteropt import comparing
    from clusteropt.io.reading import Unreadable, file_of, frames, wishes_of

    first, *more = islice(frames(name, wishes_of(reading, None)), 2)
    if isinstance(first, Unreadable):
        raise InputError(f"{first.label}: {first.problem}")
    if more:
        raise InputError(f"{name}: holds several structures: name one of them, as {file_of(name)}@0")
    problem = comparing.fault(first.atoms)
    if problem:
        raise InputError(f"{first.label}: {problem}")
    if first.note and not quiet:
        say(f"{first.source}: {first.note}")
    return first


def _remark(a: "Frame", b: "Frame", found: "Comparison", limit: float) -> str:
    """The meaning of the numbers."""
    if not len(found.order):
        ours, theirs = (frame.atoms.get_chemical_formula() for frame in (a, b))
        return f"not the same composition: {ours} and {theirs}"
    within = f"structures are the same where no atom is displaced by more than {limit:.3g} {_unit(a)}"
    return within if found.same else f"{within}; distances of structures that differ are upper bounds"


def _unit(frame: "Frame") -> str:
    return "sigma" if "X" in frame.atoms.get_chemical_symbols() else "angstrom"


def _print(pair: tuple["Frame", "Frame"], found: "Comparison", length: float, show: Show) -> None:
    from clusteropt.report import comparisons, tables

    labels, unit = (pair[0].label, pair[1].label), _unit(pair[0])
    if show.json:
        emit(json.dumps(comparisons.record(labels, found, unit, length), indent=1))
    else:
        tables.show(comparisons.table(labels, found, unit), show.wide)


def _write(a: "Frame", b: "Frame", found: "Comparison", outputs: Outputs, quiet: bool) -> None:
    from clusteropt.comparing import aligned
    from clusteropt.io.extxyz import text_of

    text = text_of([a.atoms, aligned(b.atoms, found)])
    if outputs.out is None or outputs.out == STDOUT:
        emit_frames(text)
        return
    write_atomically(outputs.out, text)
    if not quiet:
        say(f"{a.label}, and {b.label} laid on it, written to {outputs.out}")
