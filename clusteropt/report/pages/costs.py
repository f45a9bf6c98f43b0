"""The report of an evaluation of optimizers."""

import math

from clusteropt.pictures.kinds import of_costs
from clusteropt.records.costs import Cost, Costs
from clusteropt.records.origin import Origin
from clusteropt.report.page import Page, Section, Table
from clusteropt.report.pages.parts import drawn
from clusteropt.report.tables import Column
from clusteropt.words import counted


def page_of(found: Costs) -> Page:
    """The report of scores on clusters, or on networks."""
    pictures, missing = drawn(of_costs(found)), ["The file names neither the command nor the seed of the measurement."]
    own = found.clusters or found.networks
    tasks, methods = {one.task for one in own}, {one.method if isinstance(one, Cost) else one.optimizer for one in own}
    lead = [f"{counted(len(methods), 'method')} on {counted(len(tasks), 'task')}, in {found.source}."]
    table = _on_clusters(found) if found.clusters else _on_networks(found)
    return Page(f"Evaluation {found.source}", lead, missing, [Section("Scores", (), None, pictures, [table])], Origin())


def _on_clusters(found: Costs) -> Table:
    own = found.clusters
    columns = [
        Column("task", [one.task for one in own]),
        Column("method", [one.method for one in own]),
        Column("in training", [one.seen or "-" for one in own]),
        Column("hits", [f"{one.n_hits:,}" for one in own], right=True),
        Column("evaluations", [f"{one.n_evaluations:,}" for one in own], right=True),
        Column("evaluations/hit", [_shown(one.per_hit) for one in own], right=True),
        Column("95 % interval", [" to ".join(map(_shown, one.interval)) for one in own], right=True),
    ]
    return Table("Evaluations per hit, beside the baselines", columns)


def _on_networks(found: Costs) -> Table:
    own = found.networks
    columns = [
        Column("task", [one.task for one in own]),
        Column("optimizer", [one.optimizer for one in own]),
        Column("steps", [f"{one.n_steps:,}" for one in own], right=True),
        Column("training error", [f"{one.mean:.4f} ± {one.half:.4f}" for one in own], right=True),
    ]
    return Table("Training errors with 95 % intervals", columns)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "∞"
