"""Results for people, as tables, and for programs, as JSON."""

import io
import json
import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clusteropt.api import Result
from clusteropt.console import emit

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
        cells = [Text(label), r.atoms.get_chemical_formula(), "-" if r.potential is None else r.potential.name]
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
    return json.dumps([_record(label, r) for label, r in rows], indent=1)


def _record(label: str, r: Result) -> dict[str, object]:
    units = None if r.potential is None else {"energy": r.potential.energy_unit, "length": r.potential.length_unit}
    return {
        "structure": label,
        "formula": r.atoms.get_chemical_formula(),
        "n_atoms": len(r.atoms),
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


def _number(value: float | None) -> float | None:
    return value + 0.0 if value is not None and math.isfinite(value) else None  # minus zero is zero
