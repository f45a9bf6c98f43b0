"""Options that several commands share, beside those of settings (`flags`)."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli.flags import From
from clusteropt.settings.calculators import CalculatorSettings
from clusteropt.settings.config import MinimizeSettings, ReadingSettings
from clusteropt.settings.devices import DeviceSettings

Files = Annotated[
    list[str],
    typer.Argument(
        help="Structure files of any format that ASE reads; 'file.xyz@0:10' for some frames; '-' for standard input.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing output files.")]
Json = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]
Wide = Annotated[
    bool,
    typer.Option("--wide", help="Show all columns of the table on a narrow terminal too; a pipe always gets them."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show only errors on standard error, no other messages.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Output file in extended XYZ; '-' means standard output.", show_default=False),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report", help="HTML file for a report at the end, as `clusteropt report` makes it.", show_default=False
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file with settings of the search and of local minimization; an option on the command line wins.",
        show_default=False,
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        help="Stop after this time, such as 90s, 30m or 2h; the exit code is 75 if not all is done. "
        "[dim]\\[default: a minute before a Slurm job ends][/dim]",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Address of a Dask scheduler, tcp://host:port, whose workers compute.", show_default=False),
]
SchedulerFile = Annotated[
    Path | None,
    typer.Option(help="File that `dask scheduler` has written, instead of the address.", show_default=False),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the log lines of Dask on standard error too.")]
Given = Annotated[dict[str, Any], From(MinimizeSettings)]
GivenToBatch = Annotated[dict[str, Any], From(MinimizeSettings, without=("all_minima",))]
Calculator = Annotated[dict[str, Any], From(CalculatorSettings)]
Potential = Annotated[dict[str, Any], From(MinimizeSettings, only=("potential",))]
Reading = Annotated[dict[str, Any], From(ReadingSettings)]
Devices = Annotated[dict[str, Any], From(DeviceSettings)]
