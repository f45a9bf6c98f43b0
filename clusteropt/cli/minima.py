"""`clusteropt minima`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli.flags import From, spread
from clusteropt.cli.options import Force, Json, Quiet, Wide
from clusteropt.database.settings import Wanted


@spread
def minima(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Database of minima, as a search writes it.", show_default=False)
    ],
    given: Annotated[dict[str, Any], From(Wanted)],
    others: Annotated[
        list[Path] | None,
        typer.Argument(metavar="OTHER", help="With --merge: databases to take over.", show_default=False),
    ] = None,
    merge: Annotated[
        bool,
        typer.Option("--merge", help="Take over the minima and runs of the OTHER databases into FILE, each run once."),
    ] = False,
    runs: Annotated[bool, typer.Option("--runs", help="List the runs that have added to FILE.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", "-o", help="File to write the minima to; '-' means standard output.", show_default=False
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help="Format of --export: extxyz (extended XYZ) or gmin (the file lowest of GMIN). "
            "[dim]\\[default: gmin for a file named lowest, else extxyz][/dim]",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    wide: Wide = False,
    quiet: Quiet = False,
) -> None:
    """List, export and merge the minima that searches have kept in a database.

    Example: [bold]clusteropt minima Au38.minima.db --within 0.5 --export lowest.xyz[/bold]
    """
    from clusteropt.commands import minima as command
    from clusteropt.commands.plans import Show

    asked = command.Asked(file, tuple(others or ()), merge, runs, export, format, force)
    command.minima(asked, given, Show(json, wide, quiet))
