"""Results of searches as tables for people, and as JSON for programs."""

import json
from collections.abc import Sequence

from clusteropt.finding.result import SearchMinimum, SearchResult
from clusteropt.report.columns import Row, columns
from clusteropt.report.tables import Column
from clusteropt.words import counted

SHOWN = 10  # minima in a table
WHY = {  # `stopped_by` in words
    "confirmed": "confirmed",
    "target": "target reached",
    "evaluations": "limit of evaluations",
    "time": "time limit",
    "slurm": "end of the Slurm job",
}


def heading(result: SearchResult) -> str:
    """Two lines about a search: what was searched, how it ended, and what it took."""
    verdict = best_known_words(result.gap, result.verdict, result.potential.energy_unit)
    first = f"{result.formula}, potential {result.potential.name}: {verdict if result.minima else 'no minimum found'}"
    why = WHY.get(result.stopped_by, result.stopped_by)
    rate = f"stopped by: {why}; {counted(result.evaluations, 'evaluation')} in {result.seconds:.1f} s after start-up"
    chance = f"; estimated chance of a missed low minimum: {result.missed:.0%}" if result.minima else ""
    doubt = "" if result.is_certified or not result.minima else "; not certified"
    return f"{first}\n{rate}{chance}{doubt}"


def best_known_words(gap: float | None, verdict: str, unit: str) -> str:
    """How the lowest energy compares with the best known, in words."""
    if gap is None:
        return "no best-known energy in the table"
    if verdict == "reached":
        return "best-known minimum reached"
    return (
        f"above the best known by {gap:.6f} {unit}"
        if gap > 0
        else f"below the best known by {-gap:.6f} {unit}: new best, please check"
    )


def search_table(result: SearchResult) -> list[Column]:
    """The columns of a table with one row for each of the lowest minima."""
    minima = result.minima[:SHOWN]
    rows = [
        Row(k, one.energy, one.energy - result.energy, one.point_group, one.times_reached, one.origin)
        for k, one in enumerate(minima, 1)
    ]
    return [*columns(rows, result.potential.energy_unit), Column("status", [one.status for one in minima], rank=8)]


def search_json(results: Sequence[SearchResult], several: bool) -> str:
    """A JSON object for one search, an array of them where `several` were asked for."""
    told = [_record(result) for result in results]
    return json.dumps(told if several or not told else told[0], indent=1)


def _record(result: SearchResult) -> dict[str, object]:
    lowest = result.minima[0] if result.minima else None
    return {
        "formula": result.formula,
        "n_atoms": len(lowest.symbols) if lowest else None,
        "potential": result.potential.name,
        "units": {"energy": result.potential.energy_unit, "length": result.potential.length_unit},
        "status": lowest.status if lowest else None,
        "energy": lowest.energy if lowest else None,
        "above_best_known": result.gap,
        "best_known": result.verdict or None,
        "times_reached": lowest.times_reached if lowest else None,
        "missed": result.missed,
        "stopped_by": result.stopped_by,
        "evaluations": result.evaluations,
        "evaluations_to_best": lowest.evaluations if lowest else None,
        "seconds": result.seconds,
        "seconds_to_best": lowest.seconds if lowest else None,
        "seed": result.seed,
        "minima": [_minimum(one, result.energy) for one in result.minima],
    }


def _minimum(one: SearchMinimum, lowest: float) -> dict[str, object]:
    return {
        "energy": one.energy,
        "above_lowest": one.energy - lowest,
        "point_group": one.point_group or None,
        "times_reached": one.times_reached,
        "origin": one.origin,
        "status": one.status,
    }
