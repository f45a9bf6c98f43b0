"""The columns that all tables of minima have."""

from collections.abc import Sequence

from clusteropt.records.minima import Level
from clusteropt.report.tables import Column

ORIGIN = "origin"  # a heading


def columns(rows: Sequence[Level], energy_unit: str) -> list[Column]:
    """The columns of a table with one row per minimum; a narrow terminal has the first of them."""
    status = Column("status", [one.status or "-" for one in rows], rank=8)
    return [
        Column("rank", [str(one.rank) for one in rows], right=True),
        Column(f"energy ({energy_unit})", [f"{one.energy:.6f}" for one in rows], right=True),
        Column("above lowest", [f"{one.above:z.6f}" for one in rows], rank=2, right=True),
        Column("point group", [one.point_group or "-" for one in rows], rank=3),
        Column("times reached", [f"{one.n_reached:,}" for one in rows], rank=4, right=True),
        Column(ORIGIN, [one.origin for one in rows], rank=5),
        *([status] if any(one.status for one in rows) else []),
    ]


def prescreen_columns(rows: Sequence[Level]) -> list[Column]:
    """Ranks and energies by the cheap potential of a search in two levels."""
    own = [one.prescreened for one in rows]
    above = ["-" if one is None or one.above is None else f"{one.above:z.6f}" for one in own]
    return [
        Column("prescreen rank", ["-" if one is None else str(one.rank) for one in own], rank=2, right=True),
        Column("prescreen energy", ["-" if one is None else f"{one.energy:.6f}" for one in own], rank=3, right=True),
        Column("above its lowest", above, rank=6, right=True),
    ]
