"""`clusteropt potentials list | show | check`."""

from pathlib import Path
from typing import Annotated

import typer

from clusteropt.cli.options import Json, Wide
from clusteropt.console import emit

app = typer.Typer(
    help="The shipped parameter sets, and checks of your own.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command("list")
def list_sets(json: Json = False, wide: Wide = False) -> None:
    """All shipped parameter sets with elements, units and source."""
    from clusteropt.potentials import sets

    records = [sets.load(name).record() for name in sets.names()]
    if json:
        import json as json_module

        emit(json_module.dumps(records, indent=1))
        return
    from clusteropt.report.tables import Column, show

    columns = [
        Column("name", [r["name"] + " (doubtful)" * bool(r["doubtful"]) for r in records]),
        Column("form", [r["form"] for r in records], rank=3),
        Column("elements", [" ".join(r["elements"]) for r in records], rank=1, folds=True),
        Column("default for", [" ".join(r["default_for"]) for r in records], rank=2, folds=True),
        Column("units", [" ".join(r["units"].values()) for r in records], rank=4),
        Column(
            "source",
            [r["source"] + f" DOUBTFUL: {r['doubtful']}" * bool(r["doubtful"]) for r in records],
            rank=5,
            folds=True,
        ),
    ]
    show(columns, wide)


@app.command("show")
def show_set(
    name: Annotated[str, typer.Argument(help="Name of a set, or path of a TOML file.", show_default=False)],
) -> None:
    """One parameter set as its TOML file: numbers, units, source, and what to know about it."""
    from clusteropt.potentials import sets

    emit(sets.text_of(name).rstrip("\n"))


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="TOML file with a parameter set of your own.", show_default=False)],
) -> None:
    """Check a parameter file; `clusteropt minimize --potential FILE.toml` then uses it."""
    from clusteropt.errors import InputError
    from clusteropt.potentials.parameter_files import read

    if not file.is_file():
        raise InputError(f"{file}: no such file: check the name")
    chosen = read(file)
    emit(f"{file}: {chosen.form} for {chosen.describe_pairs()}, {' and '.join(chosen.units.values())}: all well")
    for element in chosen.elements:
        potential = chosen.potential((element,))
        units = potential.energy_unit, potential.length_unit
        emit(
            f"  {element}: energy scale {potential.energy:.6g} {units[0]}, length scale {potential.length:.6g} {units[1]}"
        )
