"""A comparison of two structures as a table for people and as an object for JSON."""

import math

from rich.text import Text

from clusteropt.clusters.sameness import Comparison
from clusteropt.report.tables import Column


def table(labels: tuple[str, str], found: Comparison, unit: str) -> list[Column]:
    """The columns of a table with one row; `unit` is that of lengths."""
    verdict = Text("same", "green") if found.same else Text("not the same", "red")
    numbers = [f"{x:.6f}" if math.isfinite(x) else "-" for x in (found.rmsd, found.largest)]
    return [
        Column("structure", [labels[0]], folds=True),
        Column("other", [labels[1]], folds=True),
        Column("result", [verdict]),
        Column(f"rmsd ({unit})", [numbers[0]], right=True),
        Column(f"largest displacement ({unit})", [numbers[1]], rank=1, right=True),
        Column("mirrored", [_mirrored(found)], rank=2),
    ]


def _mirrored(found: Comparison) -> str:
    if not found.same:
        return "-"
    return "yes" if found.mirrored else "no"


def record(labels: tuple[str, str], found: Comparison, unit: str, length: float) -> dict[str, object]:
    """The comparison as an object for JSON. Without an alignment, for other compositions, its numbers are None."""
    laid = len(found.order) > 0
    return {
        "structures": list(labels),
        "same": found.same,
        "same_composition": laid,
        "mirrored": found.mirrored if laid else None,
        "rmsd": found.rmsd if laid else None,
        "largest": found.largest if laid else None,
        "nearest_neighbour": length,
        "unit": unit,
        "rotation": found.rotation.tolist() if laid else None,
        "translation": found.translation.tolist() if laid else None,
        "order": found.order.tolist() if laid else None,
    }
