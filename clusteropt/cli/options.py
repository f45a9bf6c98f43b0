"""Options that several commands share, beside those of settings (`flags`)."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli.flags import From
from clusteropt.settings.config import MinimizeSettings, ReadingSettings
from clusteropt.settings.devices import DeviceSettings

Files = Annotated[
    list[str],
    typer.Argument(
        help="Structure files of any format ASE reads; 'file.xyz@0:10' for some frames; '-' for standard input.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing output files.")]
Json = Annotated[bool, typer.Option("--json", help="Results as JSON on standard output.")]
Wide = Annotated[
    bool,
    typer.Option("--wide", help="All columns of the table, however narrow the terminal; in a pipe they always are."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No messages on standard error but errors.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Output file, extended XYZ; '-' for standard output.", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file with any of the options from potential to start; the command line wins.", show_default=False
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        help="Stop after that time, as 90s, 30m or 2h, with code 75 if not done. "
        "[dim]\\[default: a minute before a Slurm job ends][/dim]",
        show_default=False,
    ),
]
Given = Annotated[dict[str, Any], From(MinimizeSettings)]
GivenToBatch = Annotated[dict[str, Any], From(MinimizeSettings, without=("all_minima",))]
Potential = Annotated[dict[str, Any], From(MinimizeSettings, only=("potential",))]
Reading = Annotated[dict[str, Any], From(ReadingSettings)]
Devices = Annotated[dict[str, Any], From(DeviceSettings)]
