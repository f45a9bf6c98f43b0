"""Results of searches as tables for people, and as JSON for programs."""

import json
import math
from collections.abc import Mapping, Sequence

from clusteropt.finding.result import Relaxed, SearchMinimum, SearchResult, prescreen_words, why
from clusteropt.records.minima import Level, Prescreened, prescreened_of
from clusteropt.report.columns import columns, prescreen_columns
from clusteropt.report.tables import Column
from clusteropt.words import counted

SHOWN = 10  # minima in a table


def heading(result: SearchResult) -> str:
    """Two lines about a search: what was searched, how it ended, and what it took."""
    verdict = best_known_words(result.gap, result.verdict, result.potential.energy_unit)
    first = f"{result.formula}, potential {result.potential.name}: {verdict if result.minima else 'no minimum found'}"
    cheap = result.prescreen
    before = [] if cheap is None else [prescreen_words(cheap, [one.minimum for one in result.relaxed])]
    since = "with compiling" if result.compiled else "after start-up"
    took = f"{counted(result.evaluations, 'evaluation')} in {result.seconds:.1f} s {since}"
    rate = f"stopped by: {why(result.stopped_by)}; {took}"
    sure = result.minima and math.isfinite(result.missed)
    chance = f"; estimated chance of a missed low minimum: {result.missed:.0%}" if sure else ""
    doubt = "" if result.is_certified or not result.minima else "; not certified"
    return "\n".join([first, *before, f"{rate}{chance}{doubt}"])


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
    lowest = {} if result.prescreen is None else {result.prescreen.potential.name: result.prescreen.energy}
    rows = [
        Level(
            k,
            one.energy,
            one.energy - result.energy,
            one.point_group,
            one.times_reached,
            one.origin,
            status=one.status,
            prescreened=_prescreened(one, lowest),
        )
        for k, one in enumerate(minima, 1)
    ]
    before = [] if result.prescreen is None else prescreen_columns(rows)
    return [*columns(rows, result.potential.energy_unit), *before]


def _prescreened(one: SearchMinimum, lowest: Mapping[str, float]) -> Prescreened | None:
    before = one.prescreened
    if before is None:
        return None
    return prescreened_of(before.start.potential.name, before.rank, before.start.energy, lowest)


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
        "missed": result.missed if math.isfinite(result.missed) else None,
        "stopped_by": result.stopped_by,
        "evaluations": result.evaluations,
        "evaluations_to_best": lowest.evaluations if lowest else None,
        "seconds": result.seconds,
        "compiled": result.compiled,
        "seconds_to_best": lowest.seconds if lowest else None,
        "seed": result.seed,
        "minima": [_minimum(one, result.energy) for one in result.minima],
    } | ({} if result.prescreen is None else _levels(result, result.prescreen))


def _levels(result: SearchResult, cheap: SearchResult) -> dict[str, object]:
    """The search by a cheap potential, and what has become of its minima."""
    about = {"potential": cheap.potential.name, "stopped_by": cheap.stopped_by, "evaluations": cheap.evaluations}
    about |= {"seconds": cheap.seconds, "minima": len(cheap.minima)}
    return {"prescreen": about, "relaxed": [_relaxed(one, cheap.energy) for one in result.relaxed]}


def _relaxed(one: Relaxed, lowest: float) -> dict[str, object]:
    return {
        "rank": one.rank,
        "energy": one.start.energy,
        "above_lowest": one.start.energy - lowest,
        "point_group": one.start.point_group or None,
        "status": one.minimum.status.label,
        "problem": one.minimum.problem or None,
        "relaxed_rank": None if one.number is None else one.number + 1,
        "relaxed_energy": one.minimum.energy if math.isfinite(one.minimum.energy) else None,
        "evaluations": one.minimum.n_evaluations,
    }


def _minimum(one: SearchMinimum, lowest: float) -> dict[str, object]:
    return {
        "energy": one.energy,
        "above_lowest": one.energy - lowest,
        "point_group": one.point_group or None,
        "times_reached": one.times_reached,
        "origin": one.origin,
        "status": one.status,
    } | _of_prescreen(one)


def _of_prescreen(one: SearchMinimum) -> dict[str, object]:
    if one.prescreened is None:
        return {}
    return {"prescreen_energy": one.prescreened.start.energy, "prescreen_rank": one.prescreened.rank}
