"""Results and scores as tables for people, as JSON for programs, and as a picture."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from ase.symbols import Symbols
from rich.text import Text

from clusteropt.evaluation.score import Score
from clusteropt.records.costs import Cost
from clusteropt.report.tables import Column
from clusteropt.result import Result
from clusteropt.runtime.files import write_atomically

_STYLES = {"converged": "green", "evaluated": "green", "not-converged": "yellow"}


def results_table(rows: Sequence[tuple[str, Result]], moved: bool) -> list[Column]:
    """The columns of a table with one row per (label, result). With `moved` it shows energies before and after."""
    results = [r for _, r in rows]
    units = {r.potential.energy_unit: r.potential.force_unit for r in results if r.potential is not None}
    energy_unit, force_unit = next(iter(units.items())) if len(units) == 1 else ("", "")
    energies = [_energy(r.energy) + (_own_unit(r) if len(units) > 1 else "") for r in results]
    columns = [
        Column("structure", [label for label, _ in rows], folds=True),
        Column("formula", [_formula(r.given.numbers.tobytes()) for r in results], rank=6),
        Column("potential", ["-" if r.potential is None else r.potential.name for r in results], rank=8),
    ]
    if moved:
        columns.append(Column("before", [_energy(r.energy_before) for r in results], rank=9, right=True))
    columns += [
        Column(f"energy ({energy_unit})" if energy_unit else "energy", energies, right=True),
        Column(f"fmax ({force_unit})" if force_unit else "fmax", [_force(r.fmax) for r in results], rank=3, right=True),
        Column("status", [Text(r.status, _STYLES.get(r.status, "red")) for r in results]),
    ]
    if moved:
        columns.append(Column("evaluations", [str(r.n_evaluations) for r in results], rank=7, right=True))
    if any(r.won for r in results):
        columns.append(Column("won by", [r.won or "-" for r in results], rank=4))
        columns.append(Column("gain", [f"{r.gain:z.6f}" if r.won else "-" for r in results], rank=2, right=True))
    if any(r.n_chains for r in results):
        shares = [f"{r.n_reached} of {r.n_chains}" if r.n_chains else "-" for r in results]
        columns.append(Column("chains reached", shares, rank=5, right=True))
    gaps = [r.gap for r in results]
    if any(gap is not None for gap in gaps):
        known = ["" if gap is None else f"{gap:z.6f}" for gap in gaps]
        columns.append(Column("above best known", known, rank=1, right=True))
    return columns


def _own_unit(r: Result) -> str:
    return "" if r.potential is None else f" {r.potential.energy_unit}"


def _energy(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:z.6f}" if abs(value) < 1e7 else f"{value:.6e}"


def _force(value: float) -> str:
    return f"{value:.1e}" if math.isfinite(value) else "-"


def results_json(rows: Sequence[tuple[str, Result]]) -> str:
    """A JSON array with one object per result. Numbers that are not finite become null."""
    return json.dumps([{"structure": label} | record(r) for label, r in rows], indent=1)


def record(r: Result) -> dict[str, object]:
    """The result as an object for JSON. Numbers that are not finite become None."""
    units = None if r.potential is None else {"energy": r.potential.energy_unit, "length": r.potential.length_unit}
    return {
        "formula": _formula(r.given.numbers.tobytes()),
        "n_atoms": len(r.given),
        "potential": None if r.potential is None else r.potential.name,
        "units": units,
        "energy_before": _number(r.energy_before),
        "energy": _number(r.energy),
        "fmax": _number(r.fmax),
        "status": r.status,
        "evaluations": r.n_evaluations,
        "optimizer": r.optimizer,
        "won_by": r.won or None,
        "gain": _number(r.gain) if r.won else None,
        "chains_reached": r.n_reached if r.n_chains else None,
        "chains": r.n_chains or None,
        "above_best_known": _number(r.gap),
        "flat": r.flat or None,
        "outside_fit": r.outside or None,
        "problem": r.problem or None,
    }


def batch_table(counts: Mapping[str, int]) -> list[Column]:
    """The columns of a table of statuses, with the number and the share of structures; `counts` is by status."""
    total = sum(counts.values())
    found = sorted(counts.items(), key=lambda entry: -entry[1])
    return [
        Column("status", [*(Text(status, _STYLES.get(status, "red")) for status, _ in found), "all"]),
        Column("structures", [*(f"{count:,}" for _, count in found), f"{total:,}"], right=True),
        Column("share", [*(f"{count / total:.1%}" for _, count in found), ""], right=True),
    ]


@lru_cache(1000)
def _formula(numbers: bytes) -> str:
    return Symbols(np.frombuffer(numbers, int)).get_chemical_formula()


def scores_table(scores: Sequence[Score]) -> list[Column]:
    """The columns of a table with one row per task and method."""
    # chains that end early are hits more often, so the hit rate is not shown where many chains were cut off
    rates = [(f"{s.hit_rate:.1%}", "{:.1%} - {:.1%}".format(*s.interval)) if _fair(s) else ("-", "-") for s in scores]
    return [
        Column("task", [s.formula for s in scores]),
        Column("in training", [s.seen for s in scores], rank=1),
        Column("method", [s.name for s in scores]),
        Column("hits", [str(s.n_hits) for s in scores], rank=2, right=True),
        Column("chains", [str(s.n_chains) for s in scores], rank=3, right=True),
        Column("cut off", [str(s.n_cut) for s in scores], rank=8, right=True),
        Column("hit rate", [rate for rate, _ in rates], rank=4, right=True),
        Column("95 % interval", [interval for _, interval in rates], rank=6, right=True),
        Column("evaluations/hit", [_per_hit(s.evaluations_per_hit, ",.0f") for s in scores], right=True),
        Column("seconds/hit", [_per_hit(s.seconds_per_hit, ".2g") for s in scores], rank=5, right=True),
        Column("ended by", [s.ended_by for s in scores], rank=9),
        Column("searches", [str(s.n_searches or "-") for s in scores], rank=12, right=True),
        Column(
            "evaluations to first hit", [_per_hit(s.evaluations_to_first, ",.0f") for s in scores], rank=11, right=True
        ),
        Column("seconds to first hit", [_per_hit(s.seconds_to_first, ".2g") for s in scores], rank=10, right=True),
        Column("median gap", [_energy(s.median_gap) for s in scores], rank=7, right=True),
    ]


def _fair(s: Score) -> bool:
    """True where the hit rate is that of chains which are alike, and most of them have ended."""
    return s.n_cut <= s.n_chains and not s.n_searches


def _per_hit(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def scores_json(scores: Sequence[Score]) -> str:
    """A JSON array with one object per task and method."""
    return json.dumps([score_record(score) for score in scores], indent=1)


def score_record(s: Score) -> dict[str, object]:
    low, high = s.interval
    return {
        "formula": s.formula,
        "method": s.method,
        "optimizer": s.optimizer or None,
        "seen": s.seen or None,
        "chains": s.n_chains,
        "chains_cut_off": s.n_cut,
        "ended_by": s.ended_by,
        "hits": s.n_hits,
        "hit_rate": s.hit_rate,
        "hit_rate_interval": [low, high],
        "evaluations": s.n_evaluations,
        "evaluations_per_hit": _number(s.evaluations_per_hit),
        "seconds": s.seconds,
        "seconds_per_hit": _number(s.seconds_per_hit),
        "median_gap": _number(s.median_gap),
        "searches": s.n_searches,
        "evaluations_to_first_hit": _number(s.evaluations_to_first),
        "seconds_to_first_hit": _number(s.seconds_to_first),
    }


def scores_picture(scores: Sequence[Score], path: Path) -> None:
    """Draws the evaluations per hit of every method over the tasks with their intervals, and writes the picture as PNG.

    Raises ClusterOptError where the file cannot be written.
    """
    from clusteropt.pictures.costs import per_hit
    from clusteropt.pictures.style import content

    costs = [Cost(s.formula, s.name, s.n_hits, s.n_evaluations, s.seen) for s in scores]
    write_atomically(path, content(per_hit(costs), ".png", "clusteropt evaluate"))


def _number(value: float | None) -> float | None:
    return value + 0.0 if value is not None and math.isfinite(value) else None  # turns minus zero into zero
