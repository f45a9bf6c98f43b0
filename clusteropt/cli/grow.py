"""`clusteropt grow`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli.flags import From, spread
from clusteropt.cli.options import Calculator, Config, Devices, Force, Json, Quiet, Wide
from clusteropt.settings.exploration import ExplorationSettings

_Element = Annotated[
    str | None, typer.Argument(metavar="ELEMENT", help="Element, such as Ag or LJ.", show_default=False)
]
_Sizes = Annotated[
    str | None,
    typer.Argument(metavar="SIZES", help="Smallest and largest number of atoms, such as 2-60.", show_default=False),
]
_TimeLimit = Annotated[
    str | None,
    typer.Option(
        help="End the search of a size after this time, such as 90s, 30m or 2h. "
        "[dim]\\[default: 10m without --evaluations][/dim]",
        show_default=False,
    ),
]
_Db = Annotated[
    Path | None,
    typer.Option(
        help="Database that keeps the minima of all sizes, and from which the series goes on. "
        "[dim]\\[default: <element><sizes>.minima.db][/dim]",
        show_default=False,
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help="File for the lowest minimum of each size, in extended XYZ. "
        "[dim]\\[default: <element><sizes>.min.xyz][/dim]",
        show_default=False,
    ),
]
_Picture = Annotated[
    Path | None,
    typer.Option(
        help="PNG file for a picture of energies per atom and second differences over the sizes.", show_default=False
    ),
]


@spread
def grow(
    given: Annotated[dict[str, Any], From(ExplorationSettings, without=("target", "prescreen", "relax"))],
    calculator: Calculator,
    devices: Devices,
    element: _Element = None,
    sizes: _Sizes = None,
    time_limit: _TimeLimit = None,
    db: _Db = None,
    out: _Out = None,
    picture: _Picture = None,
    config: Config = None,
    force: Force = False,
    json: Json = False,
    wide: Wide = False,
    quiet: Quiet = False,
) -> None:
    """Search for the lowest minima of an element size by size, each from the minima of its neighbours too.

    All low minima are kept in one database. The same command again goes on from there.

    Example: [bold]clusteropt grow LJ 2-60 --picture lj.png[/bold]
    """
    from clusteropt.commands import calculators
    from clusteropt.commands import grow as command
    from clusteropt.commands.grow_files import GrowOutputs
    from clusteropt.commands.plans import Show

    given = calculators.named(given, calculator, devices)
    asked = command.asked_for(element, sizes, config, given, time_limit)
    outputs, show = GrowOutputs(out, db, picture, force), Show(json, wide, quiet)
    raise typer.Exit(command.grow(asked._replace(outputs=outputs, show=show), devices))
