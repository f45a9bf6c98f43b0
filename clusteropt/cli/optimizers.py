"""`clusteropt optimizers list | show`."""

from pathlib import Path
from typing import Annotated

import typer

from clusteropt.cli.options import Json, Wide

app = typer.Typer(
    help="List learned optimizers, and show their training and scores.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command("list")
def list_optimizers(
    folder: Annotated[
        Path, typer.Argument(help="Folder whose .h5 files are listed beside the shipped optimizers.")
    ] = Path(),
    json: Json = False,
    wide: Wide = False,
) -> None:
    """List the shipped learned optimizers and those in a folder.

    The local optimizers of `minimize` are lbfgs, fire and gradient-descent.
    """
    from clusteropt.commands import optimizers

    optimizers.list_all(folder, json, wide)


@app.command("show")
def show_optimizer(
    name: Annotated[str, typer.Argument(help="learned (the shipped optimizer), or a .h5 file.", show_default=False)],
    json: Json = False,
) -> None:
    """Show the training and configuration of a learned optimizer, and its scores on tasks that it was not trained on."""
    from clusteropt.commands import optimizers

    optimizers.show_one(name, json)
