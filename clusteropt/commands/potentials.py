"""`clusteropt potentials`: lists and shows the shipped parameter sets, and checks a file of the user."""

import json
from pathlib import Path

from clusteropt.console import emit
from clusteropt.errors import InputError
from clusteropt.potentials import sets
from clusteropt.potentials.calculators.recipe import SHORT, is_installed
from clusteropt.potentials.parameter_files import read
from clusteropt.report.tables import Column, show


def list_all(as_json: bool, wide: bool) -> None:
    """Lists all shipped parameter sets."""
    records = [sets.load(name).record() for name in sets.names()]
    if as_json:
        emit(json.dumps(records, indent=1))
        return
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
    emit("calculators of ASE, for --calculator:")
    show(_calculators(), wide)


def _calculators() -> list[Column]:
    """The calculators with short names, and how to install those that are missing."""
    known = {about.written(name): about for name, about in SHORT.items()}
    here = [is_installed(about) for about in known.values()]
    cures = ["installed" if there else about.install for there, about in zip(here, known.values(), strict=True)]
    return [
        Column("name", [*known]),
        Column("installed, or how to", cures, folds=True),
        Column("about", [one.about for one in known.values()], rank=1),
    ]


def show_one(name: str) -> None:
    """Prints the TOML file of a parameter set. Raises UsageError for an unknown name."""
    emit(sets.text_of(name).rstrip("\n"))


def check(file: Path) -> None:
    """Checks a parameter file and prints its contents and scales. Raises InputError for a missing or invalid file."""
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
