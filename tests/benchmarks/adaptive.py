"""The adaptive search beside the learned chains, basin hopping on the same kernels, and basin hopping in C: the cost of a hit.

The measurement `adaptive` of `run.py`. A target's energy comes from a file of `name,energy`, from the table of best-known minima,
or, with `--find`, from a search and a basin hopping of so many seconds each: the lowest counts.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from clusteropt.errors import UsageError
from clusteropt.evaluation import adaptive, measure
from clusteropt.evaluation.score import Score
from clusteropt.evaluation.settings import EvaluationSettings
from clusteropt.evaluation.target import BASIN_HOPPING, LEARNED, Target, baselines, learned_plan, target_for
from clusteropt.io import cards
from clusteropt.optimizers.learned import weights
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials import sets

HEADS = ("", "lowest", "source", "method", "hits", "searches or chains", "cut", "evaluations/hit", "s/hit")
C_HITS = 20  # runs of the program in C
CHAINS = 256  # of a basin hopping that looks for a target


class Asked(NamedTuple):
    """The measurement that was asked for."""

    tasks: list[str]
    optimizer: LearnedOptimizer
    settings: EvaluationSettings
    energies: dict[str, float]  # by task, from the user's file
    find: float  # seconds for each of two searches for an energy that nothing names; 0 for none
    c_search: Callable[[int, float, int, int], tuple[str, str, str]] | None


def energies_of(path: str | None) -> dict[str, float]:
    """The energies of a file of lines `name,energy`; lines that begin with # are remarks."""
    if path is None:
        return {}
    lines = [text for text in Path(path).read_text(encoding="utf-8").splitlines() if text and not text.startswith("#")]
    return {name.strip(): float(energy) for name, energy in csv.reader(lines)}


def target_of(task: str, asked: Asked) -> tuple[Target, str]:
    """The target of a task, and where its energy comes from."""
    from clusteropt.search.starts import symbols_of

    if task not in asked.energies:
        try:
            return target_for(task), "table"
        except UsageError:
            if not asked.find:
                raise
    symbols = symbols_of(task)
    potential = sets.potential_for(tuple(sorted(set(symbols))))
    target = Target(task, potential, symbols, asked.energies.get(task, float("inf")))
    return (target, "file") if task in asked.energies else found(target, asked)


def found(target: Target, asked: Asked) -> tuple[Target, str]:
    """The target with the lowest energy of a search and a basin hopping, and which of the two has come to it."""
    from clusteropt.runtime import host

    with host.double_precision():
        adaptive.warm_up(adaptive.kit_for(target, asked.optimizer, 0))
        own, other = by_search(target, asked), by_hopping(target, asked)
    same = abs(own - other) < measure.HIT * target.potential.energy
    source = "both" if same else "search alone" if own < other else "basin hopping alone"
    return target._replace(best_known=min(own, other)), source


def by_search(target: Target, asked: Asked) -> float:
    from clusteropt.exploration.limits import Limits
    from clusteropt.exploration.searching import Search

    kit = adaptive.kit_for(target, asked.optimizer, asked.settings.seed + 1_000_000)
    return [*Search(kit, Limits(seconds=asked.find))][-1].lowest


def by_hopping(target: Target, asked: Asked) -> float:
    """The lowest minimum of as many chains of basin hopping, which begin anew when they have ended."""
    import time

    import numpy as np

    from clusteropt.clusters.arrays import Structure
    from clusteropt.problems.clusters import ClusterProblem
    from clusteropt.search import walk
    from clusteropt.search.local import minimized
    from clusteropt.search.starts import start_positions
    from clusteropt.settings.method import LocalSettings

    n, potential, rng = len(target.symbols), target.potential, np.random.default_rng([asked.settings.seed, 1])
    species, free = np.array([potential.elements.index(s) for s in target.symbols], np.int32), np.ones(n, bool)
    begin, lowest, where = time.perf_counter(), np.inf, None
    while time.perf_counter() - begin < asked.find or where is None:
        keys = rng.integers(2**64, size=CHAINS, dtype=np.uint64)
        places = start_positions(keys, n, potential.length, np.zeros(CHAINS, bool))
        starts = [Structure(place.T, species, free) for place in np.moveaxis(places, -1, 0)]
        for visits in walk.begin(starts, keys, ClusterProblem(potential), baselines()[BASIN_HOPPING]):
            k = int(visits.energy.argmin())
            if visits.energy[k] < lowest:
                lowest, where = float(visits.energy[k]), visits.positions[:, :n, k].T
            if time.perf_counter() - begin > asked.find:
                break
    assert where is not None
    return next(minimized([Structure(where, species, free)], potential, LocalSettings()))[0].energy


def scores(target: Target, asked: Asked) -> Iterator[Score]:
    """The scores of the adaptive search, of learned chains and of basin hopping."""
    optimizer, settings = asked.optimizer, asked.settings
    seen = cards.seen(optimizer, target.symbols, target.potential)
    yield adaptive.measure(target, optimizer, settings, seen)
    yield measure.measure(target, LEARNED, learned_plan(optimizer, target), settings, seen)
    yield measure.measure(target, BASIN_HOPPING, baselines()[BASIN_HOPPING], settings)


def row(score: Score, target: Target, source: str) -> dict:
    """The record of a score."""
    from clusteropt.report.results import score_record

    return {"best_known": target.best_known, "source": source, **score_record(score)}


def row_in_c(target: Target, asked: Asked, source: str) -> dict | None:
    """The record of the program in C; None where it cannot do this target."""
    if asked.c_search is None or {*target.symbols} != {"X"}:
        return None
    n = len(target.symbols)
    hits, evaluations, seconds = asked.c_search(n, target.best_known, 1 if n == 75 else C_HITS, 100_000)
    number = {"-": None}
    about = {"formula": target.formula, "method": "basin hopping in C", "hits": hits.partition("/")[0]}
    costs = {"evaluations_per_hit": evaluations, "seconds_per_hit": seconds}
    costs = {name: number.get(text) if text in number else float(text) for name, text in costs.items()}
    return {"best_known": target.best_known, "source": source, **about, **costs}


def shown(record: dict) -> str:
    """A row of the table."""

    def number(key: str, form: str) -> str:
        return "-" if record.get(key) is None else format(record[key], form)

    cells = [record["formula"], f"{record['best_known']:.4f}", record["source"], record["method"], record["hits"]]
    cells += [record.get("searches") or record.get("chains", "-"), record.get("chains_cut_off", "-")]
    cells += [number("evaluations_per_hit", ",.0f"), number("seconds_per_hit", ".2g")]
    cells += [number("evaluations_to_first_hit", ",.0f"), number("seconds_to_first_hit", ".2g")]
    return "| " + " | ".join(map(str, cells)) + " |"


def compare(asked: Asked, out: str | None) -> None:
    """Prints the table row by row, and writes the records as JSON after each."""
    heads = [*HEADS, "evaluations to first", "s to first"]
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|", flush=True)
    records = []
    for task in asked.tasks:
        target, source = target_of(task, asked)
        made = (row(score, target, source) for score in scores(target, asked))
        for record in (*made, row_in_c(target, asked, source)):
            if record is not None:
                records.append(record)
                print(shown(record), flush=True)
                if out:
                    Path(out).write_text(json.dumps(records, indent=1), encoding="utf-8")


def main(options, c_search) -> None:
    """The measurement with the options of `run.py`, and the program in C, called with its path first."""
    names = ("hits", "evaluations", "seconds", "chains", "seed")
    settings = EvaluationSettings(**{name: getattr(options, name) for name in names})
    own = None
    if options.c_program:

        def own(*arguments):
            return c_search(options.c_program, *arguments)

    tasks = [task.strip() for task in options.tasks.split(",")]
    energies = energies_of(options.best_known)
    compare(Asked(tasks, weights.named(options.optimizer), settings, energies, options.find, own), options.scores)
