"""A series of sizes as a table for people, as JSON for programs, and as a picture."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clusteropt.finding.series import Member
from clusteropt.potentials.base import Potential
from clusteropt.report.tables import Column
from clusteropt.runtime.files import write_atomically

MAGIC = "magic"
_POWERS = (1, 2 / 3, 1 / 3, 0)  # of the number of atoms, in the smooth fit: volume, surface, edges, corners


def series_table(members: Sequence[Member], potential: Potential) -> list[Column]:
    """The columns of a table with one row for each size."""
    own = [one.lowest for one in members]
    unit = potential.energy_unit
    return [
        Column("N", [str(one.n_atoms) for one in members], right=True),
        Column(f"energy ({unit})", [_shown(one.energy) for one in members], right=True),
        Column("per atom", [_shown(_per_atom(one)) for one in members], rank=2, right=True),
        Column("second difference", [_shown(one.second_difference) for one in members], rank=1, right=True),
        Column("", [MAGIC if one.magic else "" for one in members], rank=1),
        Column("best known", [_compared(one) for one in members], rank=3),
        Column("point group", [one.point_group or "-" if one else "-" for one in own], rank=4),
        Column("times reached", [f"{one.times_reached:,}" if one else "-" for one in own], rank=5, right=True),
    ]


def _shown(number: float | None) -> str:
    return "-" if number is None else f"{number:z.6f}"


def _per_atom(one: Member) -> float | None:
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


def above_smooth(sizes: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """(n_sizes,) energies per atom above a least-squares fit of E(N) by N, N^(2/3), N^(1/3) and 1.

    Of these the first terms are taken, fewer than there are sizes. For Lennard-Jones clusters: J. A. Northby,
    doi:10.1063/1.453492.
    """
    terms = sizes[:, None] ** np.array(_POWERS[: max(1, min(len(_POWERS), len(sizes) - 1))])
    fit = terms @ np.linalg.lstsq(terms, energies, rcond=None)[0]
    return (energies - fit) / sizes


def series_picture(members: Sequence[Member], potential: Potential, path: Path, title: str) -> None:
    """Draws energies per atom above the smooth fit, and second differences below, and writes the picture as PNG.

    `title` stands in the file, not in the picture. Raises ClusterOptError where the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    upper, lower = figure.subplots(2, sharex=True)
    known = [(one.n_atoms, one.energy) for one in members if one.energy is not None]
    sizes, energies = np.array(known, float).T
    upper.plot(sizes, above_smooth(sizes, energies), ".-", linewidth=1)
    upper.set_ylabel(f"energy per atom above\na smooth fit ({potential.energy_unit})")
    curved = [(one.n_atoms, one.second_difference, one.magic) for one in members if one.second_difference is not None]
    lower.plot([n for n, _, _ in curved], [value for _, value, _ in curved], ".-", linewidth=1)
    for n, value, _ in (one for one in curved if one[2]):
        lower.annotate(str(n), (n, value), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=8)
    lower.axhline(0, color="gray", linewidth=0.5)
    lower.margins(y=0.15)
    lower.set_ylabel(f"E(N+1) + E(N-1) - 2 E(N)\n({potential.energy_unit})")
    lower.set_xlabel("number of atoms N")
    page = io.BytesIO()
    figure.savefig(page, format="png", dpi=120, metadata={"Title": title})
    write_atomically(path, page.getvalue())
