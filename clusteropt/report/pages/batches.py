"""The report of a batch."""

from collections import defaultdict

from clusteropt.pictures.kinds import of_batch
from clusteropt.records.batches import CONVERGED, WAITING, Batch, Ended
from clusteropt.report.page import Page, Section, Table, View
from clusteropt.report.pages.parts import by_kind
from clusteropt.report.results import batch_table
from clusteropt.report.tables import Column
from clusteropt.words import counted

_FAILURES, _SLOWEST, _FORMULAS, _SHARDS = 50, 20, 50, 50  # rows of tables


def page_of(batch: Batch, most: int) -> Page:
    """The report of a batch, as far as it has come."""
    pictures = by_kind(of_batch(batch))
    sections = [Section("Status", (), None, [pictures["status"]], _status(batch))] if batch.total else []
    if batch.failures:
        sections.append(_failures(batch))
    if batch.ended:
        drawings = [pictures[name] for name in ("energies",) if name in pictures]
        sections.append(Section("Energies", (), _lowest(batch, most), drawings, [_formulas(batch)]))
    if batch.slowest:
        sections.append(Section("Effort", (), None, [pictures["slowest"]], [_slowest(batch)]))
    return Page(f"Batch {batch.source}", _lead(batch), [*batch.missing, *_waiting(batch)], sections, batch.origin)


def _lowest(batch: Batch, most: int) -> View:
    """The lowest structure of each of the first formulas."""
    shown, formulas = batch.models[:most], {one.formula for one in batch.ended if one.energy is not None}
    few = f", of the first {len(shown):,} of {len(formulas):,} formulas; --structures shows more"
    return View(shown, f"The lowest structure of each formula{few if len(shown) < len(formulas) else ''}.")


def _lead(batch: Batch) -> list[str]:
    done = sum(one.status == CONVERGED for one in batch.ended)
    return [
        f"{done:,} of {counted(batch.total, 'structure')} converged, {counted(len(batch.failures), 'structure')} did not."
    ]


def _waiting(batch: Batch) -> list[str]:
    n = batch.counts.get(WAITING, 0)
    open_ones = [one.name for one in batch.shards if one.state == "running"]
    said = [f"{counted(n, 'structure')} without a result yet: the same command goes on."] if n else []
    if open_ones and n:
        said.append(f"Not ended: shard {', '.join(open_ones)}; it is still under way, or was killed.")
    return said


def _status(batch: Batch) -> list[Table]:
    tables = [Table("Structures by status", batch_table(batch.counts))]
    if batch.shards:
        some = batch.shards[:_SHARDS]
        columns = [
            Column("shard", [one.name for one in some]),
            Column("state", [one.state for one in some]),
            Column("host", [one.host for one in some]),
            Column("finished in its last run", [f"{one.new:,}" for one in some], right=True),
        ]
        tables.append(Table("Shards", columns))
    return tables


def _failures(batch: Batch) -> Section:
    some, n = batch.failures[:_FAILURES], len(batch.failures)
    columns = [
        Column("structure", [one.name for one in some]),
        Column("status", [one.status for one in some]),
        Column("reason", [one.problem or f"ended after {counted(one.n_evaluations, 'evaluation')}" for one in some]),
    ]
    more = (
        [f"{counted(n - len(some), 'structure')} more; `clusteropt status --json` names all of them."]
        if n > len(some)
        else []
    )
    caption = f"The first {len(some)} of {n:,} failures" if more else "All failures"
    return Section("Failures", more, None, (), [Table(caption, columns)])


def _formulas(batch: Batch) -> Table:
    by_formula: dict[str, list[Ended]] = defaultdict(list)
    for one in batch.ended:
        by_formula[one.formula].append(one)
    some = sorted(by_formula.items(), key=lambda pair: (pair[1][0].n_atoms, pair[0]))[:_FORMULAS]
    lowest = [min((o.energy for o in own if o.energy is not None), default=None) for _, own in some]
    columns = [
        Column("formula", [formula or "-" for formula, _ in some]),
        Column("structures", [f"{len(own):,}" for _, own in some], right=True),
        Column("converged", [f"{sum(o.status == CONVERGED for o in own):,}" for _, own in some], right=True),
        Column("lowest energy", ["-" if e is None else f"{e:.6f}" for e in lowest], right=True),
        Column("unit", [own[0].units.shown.energy or "-" for _, own in some]),
    ]
    of = f"The first {len(some)} of {len(by_formula):,} formulas" if len(some) < len(by_formula) else "Formulas"
    return Table(of, columns)


def _slowest(batch: Batch) -> Table:
    some = batch.slowest[:_SLOWEST]
    columns = [
        Column("structure", [one.name for one in some]),
        Column("atoms", [str(one.n_atoms) for one in some], right=True),
        Column("evaluations", [f"{one.n_evaluations:,}" for one in some], right=True),
        Column("status", [one.status for one in some]),
    ]
    return Table("Structures with the most evaluations", columns)
