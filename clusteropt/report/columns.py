"""The columns that all tables of minima have."""

from collections.abc import Sequence

from clusteropt.records.minima import Level
from clusteropt.report.tables import Column


def columns(rows: Sequence[Level], energy_unit: str) -> list[Column]:
    """The columns of a table with one row per minimum; a narrow terminal has the first of them."""
    status = Column("status", [one.status or "-" for one in rows], rank=8)
    return [
        Column("rank", [str(one.rank) for one in rows], right=True),
        Column(f"energy ({energy_unit})", [f"{one.energy:.6f}" for one in rows], right=True),
        Column("above lowest", [f"{one.above:z.6f}" for one in rows], rank=2, right=True),
        Column("point group", [one.point_group or "-" for one in rows], rank=3),
        Column("times reached", [f"{one.n_reached:,}" for one in rows], rank=4, right=True),
        Column("origin", [one.origin for one in rows], rank=5),
        *([status] if any(one.status for one in rows) else []),
    ]
