"""Options that several commands share, and the messages they write."""

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[str],
    typer.Argument(
        help="Structure files of any format ASE reads; 'file.xyz@0:10' for some frames; '-' for standard input.",
        show_default=False,
    ),
]
PotentialName = Annotated[
    str | None,
    typer.Option(
        "--potential",
        "-p",
        help="Parameter set by name (see `clusteropt potentials list`) or TOML file. Default: the elements' own.",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(help="Number of cores to use. Default: all that the process may use.", min=1, show_default=False),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing output files.")]
Json = Annotated[bool, typer.Option("--json", help="Results as JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No messages on standard error but errors.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Output file, extended XYZ; '-' for standard output.", show_default=False),
]
