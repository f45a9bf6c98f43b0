"""`clusteropt view`: reads structures, and draws them into a file or opens a window with them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clusteropt.commands.plans import Outputs, check_picture
from clusteropt.console import complain, say
from clusteropt.errors import ClusterOptError, ExitCode, InputError, UsageError
from clusteropt.runtime.files import write_atomically
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.merging import merged
from clusteropt.settings.views import ViewSettings
from clusteropt.words import counted

if TYPE_CHECKING:
    from clusteropt.commands.shown import Shown

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def view(files: list[str], given: dict[str, Any], reading: dict[str, Any], outputs: Outputs, quiet: bool) -> ExitCode:
    """Draws or shows the structures of the files; INPUT where some of them could not be read.

    Raises UsageError for a wrong option, and where there is neither a file for the picture nor a display; InputError where
    there is no structure to draw.
    """
    settings = merged(ViewSettings, None, given)
    _check(outputs)
    shown, n_left_out, n_faults = _read(files, settings, merged(ReadingSettings, None, reading))
    if not shown and n_faults:
        return ExitCode.INPUT
    if not shown:
        which = (
            f"of {settings.formula}: check the formula" if settings.formula else "to draw: check the file and its index"
        )
        raise InputError(f"{', '.join(files)}: there is no structure {which}")
    if n_left_out and not quiet:
        say(f"{len(shown)} of {counted(len(shown) + n_left_out, 'structure')} shown: --limit shows more")
    if outputs.out is None:
        _open_window(shown)
    else:
        _draw(shown, settings, outputs.out)
        if not quiet:
            say(f"{counted(len(shown), 'structure')} drawn in {outputs.out}")
    return ExitCode.INPUT if n_faults else ExitCode.OK


def _check(outputs: Outputs) -> None:
    if outputs.out is not None:
        check_picture(outputs.out, outputs.force)
    elif sys.platform.startswith("linux") and not any(os.environ.get(name) for name in _DISPLAYS):
        raise UsageError("there is no display for a window: draw into a file, as -o clusters.png")


def _read(files: Sequence[str], settings: ViewSettings, reading: ReadingSettings) -> tuple[list["Shown"], int, int]:
    """The structures to draw, how many are left out by the limit, and how many could not be read, which are complained of."""
    shown: list[Shown] = []
    n_left_out = n_faults = 0
    for name in files:
        found = _of_file(name, settings, reading)
        for one in found:
            if isinstance(one, str):
                n_faults += 1
                complain(one)
            elif len(shown) < settings.limit:
                shown.append(one)
            else:
                n_left_out += 1
    return shown, n_left_out, n_faults


def _of_file(name: str, settings: ViewSettings, reading: ReadingSettings) -> Iterator["Shown | str"]:
    """The structures of a file, or of a database; words on each that cannot be drawn."""
    from clusteropt.commands.shown import of_database, of_frames
    from clusteropt.gathering.results import is_database
    from clusteropt.io.reading import file_of, frames, wishes_of

    path = Path(file_of(name))
    if is_database(path):
        yield from of_database(path, name, settings)
    else:
        yield from of_frames(frames(name, wishes_of(reading, None)), settings.formula)


def _draw(shown: Sequence["Shown"], settings: ViewSettings, out: Path) -> None:
    from clusteropt.pictures.bodies import Look
    from clusteropt.pictures.clusters import clusters
    from clusteropt.pictures.style import content

    look = Look(settings.rotation, settings.keep_axes, settings.style, settings.labels, settings.columns)
    figure = clusters([one.picture for one in shown], look, settings.width)
    write_atomically(out, content(figure, out.suffix, "clusteropt view"))


def _open_window(shown: Sequence["Shown"]) -> None:
    """Waits until the window is closed. Raises ClusterOptError where it could not be opened."""
    from clusteropt.io.extxyz import text_of

    with tempfile.TemporaryDirectory(prefix="clusteropt-") as folder:
        path = Path(folder) / "structures.xyz"
        path.write_text(text_of([one.atoms for one in shown]), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "ase", "gui", str(path)], stderr=subprocess.PIPE, text=True, check=False
        )
    if done.returncode:
        raise ClusterOptError(
            f"`ase gui` did not open a window ({_reason(done.stderr)}): draw into a file, as -o clusters.png"
        )


def _reason(told: str) -> str:
    """The line about the error in what ASE has said."""
    lines = told.strip().splitlines() or ["no message"]
    about = [line for line in lines if "Error" in line] or lines
    return about[-1].strip().removeprefix("ase: error: ")[:120]
