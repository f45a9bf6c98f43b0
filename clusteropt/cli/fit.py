"""`clusteropt fit`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli import options
from clusteropt.cli.flags import From, spread
from clusteropt.fitting.settings import FitSettings

_STRUCTURES = "Files of structures with energies, and with forces where they are known; 'file.xyz@0:10' for some."
_OUT = "HDF5 file for the potential; a checkpoint goes beside it."
_PLOT = "File for a plot of fitted over given energies, in .png, .pdf or .svg."


@spread
def fit(
    files: Annotated[list[str], typer.Argument(metavar="STRUCTURES...", help=_STRUCTURES, show_default=False)],
    given: Annotated[dict[str, Any], From(FitSettings)],
    reading: options.Reading,
    devices: options.Devices,
    out: Annotated[Path, typer.Option("--out", "-o", help=_OUT)] = Path("potential.h5"),
    plot: Annotated[Path | None, typer.Option(help=_PLOT, show_default=False)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint beside --out, if there is one.")
    ] = False,
    time_limit: options.TimeLimit = None,
    force: options.Force = False,
    json: options.Json = False,
    wide: options.Wide = False,
    quiet: options.Quiet = False,
) -> None:
    """Fit a network potential to STRUCTURES with energies; --potential takes the file that it writes.

    Example: [bold]clusteropt fit minima.xyz --out potential.h5[/bold]
    """
    from clusteropt.commands import fit as command
    from clusteropt.commands.plans import Show

    job = command.FitJob(out, plot, resume, force, Show(json, wide, quiet))
    raise typer.Exit(command.fit(files, given, reading, job, devices, time_limit))
