"""A series of sizes as a table for people, as JSON for programs, and as a picture."""

import json
from collections.abc import Sequence
from pathlib import Path

from clusteropt.finding.series import Member
from clusteropt.pictures.series import series
from clusteropt.pictures.style import content
from clusteropt.potentials.base import Potential
from clusteropt.records.minima import Size
from clusteropt.records.origin import Units
from clusteropt.report.tables import Column
from clusteropt.runtime.files import write_atomically

MAGIC = "magic"


def series_table(members: Sequence[Member], potential: Potential) -> list[Column]:
    """The columns of a table with one row for each size."""
    own = [one.lowest for one in members]
    return [
        *size_columns(sizes_of(members), potential.energy_unit),
        Column("best known", [_compared(one) for one in members], rank=3),
        Column("point group", [one.point_group or "-" if one else "-" for one in own], rank=4),
        Column("times reached", [f"{one.times_reached:,}" if one else "-" for one in own], rank=5, right=True),
    ]


def size_columns(sizes: Sequence[Size], unit: str) -> list[Column]:
    """The columns about the energies of a series."""
    return [
        Column("N", [str(one.n_atoms) for one in sizes], right=True),
        Column(f"energy ({unit})", [_shown(one.energy) for one in sizes], right=True),
        Column("per atom", [_shown(_per_atom(one)) for one in sizes], rank=2, right=True),
        Column("second difference", [_shown(one.second_difference) for one in sizes], rank=1, right=True),
        Column("", [MAGIC if one.magic else "" for one in sizes], rank=1),
    ]


def _shown(number: float | None) -> str:
    return "-" if number is None else f"{number:z.6f}"


def _per_atom(one: Member | Size) -> float | None:
    return None if one.energy is None else one.energy / one.n_atoms


def _compared(one: Member) -> str:
    if one.gap is None:
        return "-"
    if one.verdict == "reached":
        return "reached"
    return f"above by {one.gap:.6f}" if one.gap > 0 else f"below by {-one.gap:.6f}: new best, please check"


def series_json(members: Sequence[Member], potential: Potential) -> str:
    """A JSON array with an object for each size."""
    return json.dumps([_record(one, potential) for one in members], indent=1)


def _record(one: Member, potential: Potential) -> dict[str, object]:
    lowest = one.lowest
    return {
        "n_atoms": one.n_atoms,
        "potential": potential.name,
        "units": {"energy": potential.energy_unit, "length": potential.length_unit},
        "energy": one.energy,
        "energy_per_atom": _per_atom(one),
        "second_difference": one.second_difference,
        "magic": one.magic,
        "above_best_known": one.gap,
        "best_known": one.verdict or None,
        "point_group": (lowest.point_group or None) if lowest else None,
        "times_reached": lowest.times_reached if lowest else None,
    }


def series_picture(members: Sequence[Member], potential: Potential, path: Path, title: str) -> None:
    """Draws energies per atom above a smooth fit, and second differences below, and writes the picture as PNG.

    `title` stands in the file, not in the picture. Raises ClusterOptError where the file cannot be written.
    """
    figure = series(sizes_of(members), Units(potential.energy_unit, potential.length_unit))
    write_atomically(path, content(figure, ".png", title))


def sizes_of(members: Sequence[Member]) -> list[Size]:
    """A series as tables and pictures show it."""
    return [Size(one.n_atoms, one.energy, one.second_difference, one.magic) for one in members]
