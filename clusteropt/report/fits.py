"""The result of a fit: errors in words, as a table and as JSON, and a parity plot."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clusteropt.console import emit
from clusteropt.report import tables
from clusteropt.report.tables import Column

if TYPE_CHECKING:
    from clusteropt.fitting.accuracy import Accuracy
    from clusteropt.fitting.course import Course
    from clusteropt.records.costs import Parity

Units = dict[str, str]


def errors_in_words(found: "Sequence[Accuracy]", units: Units) -> str:
    """Root mean square errors of energy for each atom, and of forces, in training and validation."""
    energies = ", ".join(f"{one.energy:.3g} {one.part}" for one in found)
    known = [one for one in found if one.force is not None]
    forces = ", ".join(f"{one.force:.3g} {one.part}" for one in known)
    unit = units["energy"]
    return f"energy {energies} {unit}/atom" + f"; force {forces} {unit}/{units['length']}" * bool(known)


def show(found: "Sequence[Accuracy]", course: "Course", units: Units, as_json: bool, wide: bool) -> None:
    """Prints the errors as a table, or as JSON with the steps and the validation errors of the optimizers."""
    if as_json:
        emit(json.dumps(record(found, course, units), indent=1))
    else:
        tables.show(table(found, units), wide)


def record(found: "Sequence[Accuracy]", course: "Course", units: Units) -> dict:
    """The result as an object for JSON."""
    return {
        "units": units,
        "steps": course.steps,
        "diverged": course.now.diverged,
        "best_step": course.best.step,
        "validation_errors": {plan.kind: one.error for plan, one in zip(course.plans, course.bests, strict=False)},
        "errors": [one._asdict() for one in found],
    }


def table(found: "Sequence[Accuracy]", units: Units) -> list[Column]:
    """The columns of the table of errors."""
    energy, force = units["energy"], f"{units['energy']}/{units['length']}"
    return [
        Column("structures", [one.part for one in found]),
        Column("number", [str(one.structures) for one in found], right=True),
        Column(f"rms energy error ({energy}/atom)", [f"{one.energy:.6f}" for one in found], right=True),
        Column(f"largest ({energy}/atom)", [f"{one.largest:.6f}" for one in found], rank=1, right=True),
        Column(
            f"rms force error ({force})",
            ["-" if one.force is None else f"{one.force:.6f}" for one in found],
            right=True,
        ),
    ]


def parity_picture(pairs: "Sequence[Parity]", unit: str, ending: str) -> bytes:
    """Fitted over given energies for each atom, and the errors below, in the format of the file's ending (.png, .pdf or .svg)."""
    from clusteropt.pictures.costs import parity
    from clusteropt.pictures.style import content

    return content(parity(pairs, unit), ending or ".png", "clusteropt fit")
