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
    from clusteropt.console import complain, emit
    from clusteropt.errors import InputError, UsageError
    from clusteropt.io import cards
    from clusteropt.optimizers.learned import weights
    from clusteropt.report.tables import Column, show

    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder: name one with .h5 files, or none for the current one")
    records = []
    for name in [*weights.names(), *sorted(str(path) for path in folder.glob("*.h5"))]:
        if name.endswith(".checkpoint.h5"):
            continue
        try:
            found = weights.named(name)
        except InputError as problem:
            complain(str(problem))
            continue
        records.append((name, found))
    if json:
        import json as json_module

        emit(json_module.dumps([{"name": name, "card": found.card} for name, found in records], indent=1))
        return
    show(
        [
            Column("name", [name for name, _ in records], folds=True),
            Column("network", [found.settings.network for _, found in records], rank=2),
            Column("numbers", [str(found.theta.size) for _, found in records], rank=3, right=True),
            Column("trained on", [cards.trained_on(found) for _, found in records], rank=1, folds=True),
            Column("minutes", [f"{found.card.get('seconds', 0) / 60:.1f}" for _, found in records], rank=4, right=True),
        ],
        wide,
    )


@app.command("show")
def show_optimizer(
    name: Annotated[str, typer.Argument(help="learned (the shipped one), or a .h5 file.", show_default=False)],
    json: Json = False,
) -> None:
    """One learned optimizer: training, configuration, and what it has scored on tasks it was not trained on."""
    from dataclasses import asdict

    from clusteropt.console import emit
    from clusteropt.io import cards
    from clusteropt.optimizers.learned import weights

    found = weights.named(name)
    if json:
        import json as json_module

        emit(json_module.dumps({"name": name, "network": asdict(found.settings), "card": found.card}, indent=1))
        return
    emit(f"{name}: {found.settings.network} network, {found.theta.size} numbers")
    emit(f"trained on: {cards.trained_on(found)}")
    for title, values in (("network", asdict(found.settings)), *cards.sections(found)):
        emit(f"{title}:")
        for key, value in values.items():
            emit(f"  {key}: {value}")
