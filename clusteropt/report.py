"""Results for people, as tables, and for programs, as JSON."""

import io
import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from ase.symbols import Symbols
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clusteropt.api import Result
from clusteropt.console import emit
from clusteropt.evaluation import Score
from clusteropt.files import write_atomically

_STYLES = {"converged": "green", "evaluated": "green", "not-converged": "yellow"}


def results_table(rows: Sequence[tuple[str, Result]], moved: bool) -> Table:
    """A row per (label, result); `moved` says whether there is a before and after."""
    units = {r.potential.energy_unit: r.potential.force_unit for _, r in rows if r.potential is not None}
    energy_unit, force_unit = next(iter(units.items())) if len(units) == 1 else ("", "")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("structure", overflow="fold")
    for name in ("formula", "potential"):
        table.add_column(name)
    energy = f"energy ({energy_unit})" if energy_unit else "energy"
    for name in ("before", energy) if moved else (energy,):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(f"fmax ({force_unit})" if force_unit else "fmax", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    if moved:
        table.add_column("evaluations", justify="right")
    gaps = [r.gap for _, r in rows]
    learned = any(r.won for _, r in rows)
    if learned:
        table.add_column("won by")
        table.add_column("gain", justify="right", no_wrap=True)
    some_known = any(gap is not None for gap in gaps)
    if some_known:
        table.add_column("above best known", justify="right", no_wrap=True)
    for (label, r), gap in zip(rows, gaps, strict=True):
        own_units = len(units) > 1 and r.potential is not None
        unit = f" {r.potential.energy_unit}" if own_units and r.potential is not None else ""
        cells = [Text(label), _formula(r.given.numbers.tobytes()), "-" if r.potential is None else r.potential.name]
        if moved:
            cells.append(_energy(r.energy_before))
        cells += [_energy(r.energy) + unit, _force(r.fmax), Text(r.status, _STYLES.get(r.status, "red"))]
        if moved:
            cells.append(str(r.n_evaluations))
        if learned:
            cells += [r.won or "-", f"{r.gain:z.6f}" if r.won else "-"]
        if some_known:
            cells.append("" if gap is None else f"{gap:z.6f}")
        table.add_row(*cells)
    return table


def _energy(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:z.6f}" if abs(value) < 1e7 else f"{value:.6e}"


def _force(value: float) -> str:
    return f"{value:.1e}" if math.isfinite(value) else "-"


def show(table: Table, fold: bool = False) -> None:
    """Prints the table to stdout as wide as it needs, whatever the width of the terminal: no name or number is cut off.

    `fold` breaks long cells into lines of the terminal, where there is one.
    """
    console = Console()
    width = console.width if fold and console.is_terminal else 10_000
    plain = console.no_color or not console.is_terminal
    page = io.StringIO()
    Console(file=page, width=width, force_terminal=console.is_terminal, no_color=plain).print(table)
    emit("\n".join(line.rstrip() for line in page.getvalue().splitlines()))


def results_json(rows: Sequence[tuple[str, Result]]) -> str:
    """A JSON array with an object per result; numbers that are not finite become null."""
    return json.dumps([{"structure": label} | record(r) for label, r in rows], indent=1)


def record(r: Result) -> dict[str, object]:
    """The result for programs."""
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
        "won_by": r.won or None,
        "gain": _number(r.gain) if r.won else None,
        "above_best_known": _number(r.gap),
        "problem": r.problem or None,
    }


def batch_table(counts: Mapping[str, int]) -> Table:
    """How many structures ended how."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("status", no_wrap=True)
    for name in ("structures", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    total = sum(counts.values())
    for status, count in sorted(counts.items(), key=lambda entry: -entry[1]):
        table.add_row(Text(status, _STYLES.get(status, "red")), f"{count:,}", f"{count / total:.1%}")
    table.add_row("all", f"{total:,}", "")
    return table


@lru_cache(1000)
def _formula(numbers: bytes) -> str:
    return Symbols(np.frombuffer(numbers, int)).get_chemical_formula()


def scores_table(scores: Sequence[Score]) -> Table:
    """A row per task and method."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "in training", "method"):
        table.add_column(name)
    for name in (
        "hits",
        "chains",
        "cut off",
        "hit rate",
        "95 % interval",
        "evaluations/hit",
        "seconds/hit",
        "median gap",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for s in scores:
        low, high = s.interval
        cells = [s.formula, s.seen, s.method, str(s.n_hits), str(s.n_chains), str(s.n_cut)]
        # chains that end early are hits more often: where many were cut off, nothing can be said of the rate
        cells += [f"{s.hit_rate:.1%}", f"{low:.1%} - {high:.1%}"] if s.n_cut <= s.n_chains else ["-", "-"]
        cells += [_per_hit(s.evaluations_per_hit, ",.0f"), _per_hit(s.seconds_per_hit, ".2g")]
        table.add_row(*cells, _energy(s.median_gap))
    return table


def _per_hit(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def scores_json(scores: Sequence[Score]) -> str:
    """A JSON array with an object per task and method."""
    return json.dumps([score_record(score) for score in scores], indent=1)


def score_record(s: Score) -> dict[str, object]:
    low, high = s.interval
    return {
        "formula": s.formula,
        "method": s.method,
        "seen": s.seen or None,
        "chains": s.n_chains,
        "chains_cut_off": s.n_cut,
        "hits": s.n_hits,
        "hit_rate": s.hit_rate,
        "hit_rate_interval": [low, high],
        "evaluations": s.n_evaluations,
        "evaluations_per_hit": _number(s.evaluations_per_hit),
        "seconds": s.seconds,
        "seconds_per_hit": _number(s.seconds_per_hit),
        "median_gap": _number(s.median_gap),
    }


def scores_picture(scores: Sequence[Score], path: Path) -> None:
    """Evaluations per hit of every method over the tasks, as PNG; a task without hits has no point."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    formulas = list(dict.fromkeys(s.formula for s in scores))
    for method in dict.fromkeys(s.method for s in scores):
        own = [s for s in scores if s.method == method and s.n_hits]
        axes.semilogy([formulas.index(s.formula) for s in own], [s.evaluations_per_hit for s in own], "o", label=method)
    axes.set_xticks(range(len(formulas)), formulas, rotation=60)
    axes.set_ylabel("evaluations per hit")
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomically(path, picture.getvalue())


def _number(value: float | None) -> float | None:
    return value + 0.0 if value is not None and math.isfinite(value) else None  # minus zero is zero
