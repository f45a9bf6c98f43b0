"""Minima and runs of a database as tables for people, and as JSON for programs."""

import json
from collections.abc import Sequence

from clusteropt.database.records import FirstHit, Origin, Run
from clusteropt.database.selection import Ranked
from clusteropt.finding.result import why
from clusteropt.records.minima import Level
from clusteropt.report.columns import columns
from clusteropt.report.tables import Column


def minima_table(ranked: Sequence[Ranked], origin: Origin) -> list[Column]:
    """The columns of a table with one row per minimum."""
    entries = [one.entry for one in ranked]
    rows = [
        Level(one.rank, e.energy, one.above, e.point_group, e.n_reached, e.origin, status=e.status)
        for one, e in zip(ranked, entries, strict=True)
    ]
    rank, *others = columns(rows, origin.energy_unit)
    return [
        rank,
        Column("formula", [e.formula for e in entries], rank=1),
        *others,
        Column("first seen", [e.first_seen for e in entries], rank=6),
        Column("id", [str(e.id) for e in entries], rank=7, right=True),
    ]


def minima_json(ranked: Sequence[Ranked], origin: Origin) -> str:
    """A JSON array with one object per minimum."""
    units = {"energy": origin.energy_unit, "length": origin.length_unit}
    return json.dumps([_minimum(one) | {"potential": origin.name, "units": units} for one in ranked], indent=1)


def _minimum(one: Ranked) -> dict[str, object]:
    entry = one.entry
    told = {"rank": one.rank, "formula": entry.formula, "energy": entry.energy, "above_lowest": one.above}
    told |= {
        "fmax": entry.fmax,
        "point_group": entry.point_group or None,
        "status": entry.status,
        "inertia": list(entry.inertia),
    }
    told |= {"times_reached": entry.n_reached, "origin": entry.origin, "first_seen": entry.first_seen}
    return told | {"evaluations": entry.n_evaluations, "clusteropt_version": entry.version, "id": entry.id}


def runs_table(runs: Sequence[tuple[Run, Sequence[FirstHit], int]], origin: Origin) -> list[Column]:
    """The columns of a table with one row per run: the run, its bests, and the number of its minima."""
    lowest = [bests[-1] if bests else None for _, bests, _ in runs]
    return [
        Column("started", [run.started for run, _, _ in runs]),
        Column("formula", [run.formula for run, _, _ in runs], rank=1),
        Column("seed", [str(run.seed) for run, _, _ in runs], rank=6, right=True),
        Column("minima", [f"{n:,}" for _, _, n in runs], rank=3, right=True),
        Column(f"lowest ({origin.energy_unit})", ["-" if b is None else f"{b.energy:.6f}" for b in lowest], right=True),
        Column("evaluations to it", ["-" if b is None else f"{b.n_evaluations:,}" for b in lowest], rank=4, right=True),
        Column("evaluations", [f"{run.n_evaluations:,}" for run, _, _ in runs], rank=2, right=True),
        Column("seconds", [f"{run.seconds:.1f}" for run, _, _ in runs], rank=5, right=True),
        Column("stopped by", [why(run.stopped_by or "-") for run, _, _ in runs], rank=7),
        Column("version", [run.version for run, _, _ in runs], rank=9),
        Column("command", [run.command for run, _, _ in runs], rank=8, folds=True),
    ]


def runs_json(runs: Sequence[tuple[Run, Sequence[FirstHit], Sequence[FirstHit]]]) -> str:
    """A JSON array with one object per run: the run, its bests, and the first hits of all its minima."""
    return json.dumps([_run(*one) for one in runs], indent=1)


def _run(run: Run, bests: Sequence[FirstHit], hits: Sequence[FirstHit]) -> dict[str, object]:
    told: dict[str, object] = dict(run._asdict())
    told["evaluations"] = told.pop("n_evaluations")
    return told | {"bests": [_best(one) for one in bests], "first_hits": [_best(one) for one in hits]}


def _best(one: FirstHit) -> dict[str, object]:
    return {"energy": one.energy, "evaluations": one.n_evaluations, "seconds": one.seconds}
