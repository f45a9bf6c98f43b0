"""`clusteropt optimizers list | show`."""

from pathlib import Path
from typing import Annotated

import typer

from clusteropt.cli.options import Json, Wide

app = typer.Typer(
    help="Learned optimizers: what they are made of and were trained on.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command("list")
def list_optimizers(
    folder: Annotated[Path, typer.Argument(help="Where to look beside the shipped ones.")] = Path(),
    json: Json = False,
    wide: Wide = False,
) -> None:
    """The shipped learned optimizers, and those in a folder; the conventional ones are lbfgs, fire and gradient-descent."""
    from clusteropt.commands import optimizers

    optimizers.list_all(folder, json, wide)


@app.command("show")
def show_optimizer(
    name: Annotated[str, typer.Argument(help="learned (the shipped one), or a .h5 file.", show_default=False)],
    json: Json = False,
) -> None:
    """One learned optimizer: training, configuration, and what it has scored on tasks it was not trained on."""
    from clusteropt.commands import optimizers

    optimizers.show_one(name, json)
