"""Fits the shares with which `search` begins its kinds of start and its styles: `pretrained/priors.toml`.

    python tests/benchmarks/priors.py measure --tasks X13,X38,Si18 --seconds 30 --rates rates.json
    python tests/benchmarks/priors.py fit --rates rates.json --out pretrained/priors.toml

`measure` begins equally many chains of every kind of start and every style, and learns no shares. It counts what they cost, in
the unit of a search, and how many come to the best-known minimum, alone. Energies that are not in the table come from
`--best-known`, a file of lines `name,energy`. Tasks already in the file of rates are replaced, others are kept.

`fit` looks for the shares of cost p that minimize the geometric mean over the systems s of the cost of a hit. With rates r (hits
for a unit of cost) that is the maximum of `sum_s log(sum_k p_k r_ks)`, a concave function: it has one maximum, and no search, by
evolution strategies or genetic algorithms, could find a better one. The iteration `p_k <- p_k mean_s(r_ks / sum_j p_j r_js)` goes
there (T. M. Cover, IEEE Trans. Inf. Theory 30, 369 (1984), doi:10.1109/TIT.1984.1056869).
"""

import argparse
import datetime
import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clusteropt.evaluation import adaptive
from clusteropt.evaluation.target import Target
from clusteropt.exploration import priors, usable
from clusteropt.exploration.composition import Kit
from clusteropt.exploration.exploring import Exploration
from clusteropt.exploration.kinds import STARTS
from clusteropt.exploration.records import none
from clusteropt.exploration.seats import BLOCK
from clusteropt.runtime import host
from clusteropt.search.styles import STYLES

FLOOR = 0.05  # share of cost of every kind, so that a search can learn from each
STRENGTH = 1.0  # hits by which the rate of a whole system counts for one kind


class Table(NamedTuple):
    """Chains, costs and hits of the kinds in each system; arrays (n_systems, n_kinds), 0 where a kind was not usable."""

    chains: np.ndarray
    costs: np.ndarray
    hits: np.ndarray


class Even(Exploration):
    """An exploration that begins equally many chains of all kinds of start and styles, with the patience of the style."""

    def chosen(self, n_blocks: int) -> tuple[np.ndarray, np.ndarray]:
        kinds, styles = usable.starts(self.kit, 0), usable.styles(self.kit)
        blocks = self.n_begun // BLOCK + np.arange(n_blocks)
        turns = np.arange(BLOCK) + (blocks // len(kinds))[:, None]
        return np.repeat(kinds[blocks % len(kinds)], BLOCK), styles[turns.ravel() % len(styles)]

    def forget(self) -> None:
        """Forgets the records from which patience would be learned."""
        self.records = none()


class Lived(NamedTuple):
    """The chains of an exploration, by their numbers."""

    kinds: dict[int, tuple[int, int]]  # of start and style
    costs: dict[int, float]
    hits: set[int]


def lived(kit: Kit, best_known: float, seconds: float) -> Lived:
    """The chains of an even exploration of so many seconds."""
    own, rounds = Lived({}, {}, set()), Even(kit)
    tally, begin = adaptive.Tally(kit.composition, best_known), time.perf_counter()
    for visits in rounds:
        alone = {*visits.serials[visits.alone].tolist()}
        for k in np.flatnonzero(rounds.lives.costs):  # seats where a chain has begun
            serial = int(rounds.lives.serials[k])
            own.kinds[serial] = int(rounds.lives.kinds[k]), int(rounds.chains.styles[k])
            own.costs[serial] = float(rounds.lives.costs[k])
        reached = tally.count(visits)
        own.hits.update(alone & {*reached})
        rounds.arrived(reached, lower=False)
        rounds.forget()
        if time.perf_counter() - begin > seconds:
            return own
    return own


def record(target: Target, own: Lived, seconds: float, seed: int) -> dict:
    """Chains, costs and hits (n_starts, n_styles) of a task, ready for JSON."""
    chains, costs, hits = np.zeros((3, len(STARTS), len(STYLES)))
    for serial, cell in own.kinds.items():
        chains[cell] += 1
        costs[cell] += own.costs[serial]
        hits[cell] += serial in own.hits
    about = {"formula": target.formula, "directional": target.potential.directional, "seconds": seconds, "seed": seed}
    names = {"starts": [start.words for start in STARTS], "styles": [style.name for style in STYLES]}
    return {**about, **names, "chains": chains.tolist(), "costs": costs.tolist(), "hits": hits.tolist()}


def measure(options: argparse.Namespace) -> None:
    """Writes the records of the tasks, one after the other."""
    from adaptive import Asked, energies_of, target_of  # type: ignore[attr-defined]

    from clusteropt.evaluation.settings import EvaluationSettings
    from clusteropt.optimizers.learned import weights

    path, optimizer = Path(options.rates), weights.named("learned")
    known = {row["formula"]: row for row in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}
    asked = Asked([], optimizer, EvaluationSettings(), energies_of(options.best_known), 0, None)
    for task in options.tasks.split(","):
        target, _ = target_of(task.strip(), asked)
        kit = adaptive.kit_for(target, optimizer, options.seed)
        with host.double_precision():
            adaptive.warm_up(kit)
            own = lived(kit, target.best_known, options.seconds)
        known[task] = record(target, own, options.seconds, options.seed)
        path.write_text(json.dumps([*known.values()]), encoding="utf-8")
        print(f"{task}: {len(own.kinds)} chains, {len(own.hits)} hits, cost {sum(own.costs.values()):.0f}", flush=True)


def table(rows: list[dict], axis: int) -> Table:
    """The sums over starts (axis 0) or styles (axis 1), so that the other is left."""
    return Table(*(np.array([np.sum(row[name], axis) for row in rows]) for name in Table._fields))


def rates(own: Table) -> np.ndarray:
    """(n_systems, n_kinds) hits for a unit of cost; one more hit at the rate of the system steadies each. 0 where unusable."""
    whole = own.hits.sum(1, keepdims=True) / own.costs.sum(1, keepdims=True)
    return np.where(own.costs > 0, (own.hits + STRENGTH) / (own.costs + STRENGTH / whole), 0)


def fitted(rate: np.ndarray, n_steps: int = 20_000) -> np.ndarray:
    """The shares (n_kinds,) of cost with the largest sum of logarithms of the rates (n_systems, n_kinds) that they mix."""
    shares = np.full(rate.shape[1], 1 / rate.shape[1])
    for _ in range(n_steps):
        shares = shares * (rate / (rate @ shares)[:, None]).mean(0)
    return shares / shares.sum()


def by_steps(rate: np.ndarray) -> np.ndarray:
    """Shares of cost, where some systems lack some kinds (rate 0).

    First come the kinds that all systems have; then their mixture is one kind beside those that only some systems have. So both
    steps are concave.
    """
    common = (rate > 0).all(0)
    shares = np.zeros(rate.shape[1])
    shares[common] = floored(fitted(rate[:, common]))
    some = np.flatnonzero(~common & (rate > 0).any(0))
    if some.size:
        have = (rate[:, some] > 0).all(1)
        both = floored(fitted(np.column_stack([rate[have] @ shares, rate[have][:, some]])), int(common.sum()))
        shares *= both[0]
        shares[some] = both[1:]
    return shares


def floored(shares: np.ndarray, n_first: int = 1) -> np.ndarray:
    """The shares (n_kinds,), with FLOOR for each kind mixed in; the first stands for so many kinds."""
    least = FLOOR * np.array([n_first, *[1] * (len(shares) - 1)])
    return least + (1 - least.sum()) * shares


def relative_costs(own: Table) -> np.ndarray:
    """(n_kinds,) the cost of a chain, in that of the system's mean chain; geometric means over systems that have the kind."""
    have = own.chains > 0
    each = np.where(have, own.costs, 1) / np.where(have, own.chains, 1)
    mean = own.costs.sum(1, keepdims=True) / own.chains.sum(1, keepdims=True)
    logs = np.where(have, np.log(each / mean), 0)
    return np.exp(logs.sum(0) / np.maximum(have.sum(0), 1))


def per_hit(shares: np.ndarray, rate: np.ndarray) -> float:
    """The geometric mean of the cost of a hit, with shares (n_kinds,) of cost, those of the usable kinds in each system."""
    own = shares * (rate > 0)
    return float(np.exp(-np.log((own * rate).sum(1) / own.sum(1)).mean()))


class Fit(NamedTuple):
    """The shares of chains (n_kinds,), and the geometric mean of the cost of a hit with the shares before and with these."""

    shares: np.ndarray
    before: float
    after: float


def fit_of(own: Table, before: np.ndarray) -> Fit:
    """The fit to a table; `before` (n_kinds,) are shares of chains."""
    rate, each = rates(own), relative_costs(own)
    paid = by_steps(rate)
    unmeasured = paid == 0
    chains = paid / each
    chains = np.where(unmeasured, before, chains / chains.sum() * before[~unmeasured].sum())
    return Fit(chains / chains.sum(), per_hit(before * each, rate), per_hit(paid, rate))


def section(name: str, fit: Fit, names: list[str]) -> str:
    """A table of the file."""
    lines = [f"# cost of a hit, geometric mean of the systems: {fit.before:.0f} before, {fit.after:.0f} with these"]
    lines += [f"[{name}]"]
    lines += [f'"{word}" = {share:.4f}' for word, share in zip(names, fit.shares, strict=True) if share > 0]
    return "\n".join(lines) + "\n"


def fit(options: argparse.Namespace) -> None:
    """Writes the file of shares."""
    measured = json.loads(Path(options.rates).read_text(encoding="utf-8"))
    rows, parts = [row for row in measured if np.sum(row["hits"])], [recorded(measured)]
    for group in (False, True):
        own, before = [row for row in rows if row["directional"] == group], priors.shares(group)
        for axis, kind in ((1, "starts"), (0, "styles")):
            done = fit_of(table(own, axis), getattr(before, kind))
            parts.append(section(f"{priors.group(group)}.{kind}", done, own[0][kind]))
    Path(options.out).write_text("\n".join(parts), encoding="utf-8")


def recorded(rows: list[dict]) -> str:
    """How the shares were made."""

    def several(values: list[str]) -> str:
        return "[" + ", ".join(values) + "]"

    tasks, hits = [row["formula"] for row in rows], [f"{np.sum(row['hits']):.0f}" for row in rows]
    own = f"measure --tasks {','.join(tasks)} --seconds {rows[-1]['seconds']:g} --seed {rows[0]['seed']}"
    commands = [f"{own} --rates {sys.argv[sys.argv.index('--rates') + 1]}", shlex.join(sys.argv[1:])]
    lines = [
        "# Shares of chains that begin with each kind of start and in each style, before a search has learned its own."
    ]
    lines += [
        "# Systems without a hit did not count. Kinds that none of the others has kept the share that they had before.",
        "[record]",
    ]
    lines += [f"date = {datetime.date.today()}", f"commands = {several([json.dumps(each) for each in commands])}"]
    lines += [f"tasks = {several([json.dumps(task) for task in tasks])}", f"hits = {several(hits)}"]
    lines += [f"seconds = {several([format(row['seconds'], 'g') for row in rows])}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("measure")
    one.add_argument("--tasks", required=True)
    one.add_argument("--seconds", type=float, default=30)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--best-known")
    one.set_defaults(run=measure)
    other = commands.add_parser("fit")
    other.add_argument("--out", required=True)
    other.set_defaults(run=fit)
    for each in (one, other):
        each.add_argument("--rates", required=True)
    options = parser.parse_args()
    host.prepare(len(os.sched_getaffinity(0)))
    options.run(options)


if __name__ == "__main__":
    main()
