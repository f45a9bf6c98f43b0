"""`clusteropt potentials list | show | check`."""

from pathlib import Path
from typing import Annotated

import typer

from clusteropt.cli.options import Json, Wide

app = typer.Typer(
    help="List and show the shipped parameter sets, and check your own.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command("list")
def list_sets(json: Json = False, wide: Wide = False) -> None:
    """List all shipped parameter sets with elements, units and source."""
    from clusteropt.commands import potentials

    potentials.list_all(json, wide)


@app.command("show")
def show_set(
    name: Annotated[str, typer.Argument(help="Name of a set, or path of a TOML file or of a fit.", show_default=False)],
) -> None:
    """Print a parameter set as its TOML file: numbers, units, source, and known weaknesses."""
    from clusteropt.commands import potentials

    potentials.show_one(name)


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="TOML file with a parameter set of your own.", show_default=False)],
) -> None:
    """Check a parameter file of your own; `clusteropt minimize --potential FILE.toml` uses it."""
    from clusteropt.commands import potentials

    potentials.check(file)
