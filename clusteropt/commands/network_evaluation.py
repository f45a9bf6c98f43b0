"""`clusteropt evaluate` for tasks whose inner parameters are the weights of networks."""

from clusteropt.commands.plans import Comparison, Show
from clusteropt.console import emit, say
from clusteropt.errors import UsageError
from clusteropt.evaluation.settings import NETWORK_TASK, EvaluationSettings
from clusteropt.runtime.files import write_atomically


def evaluate(wanted: Comparison, tasks: list[str], settings: EvaluationSettings, show: Show) -> None:
    """Measures the optimizers and prints their scores. Raises UsageError for what cannot be measured so."""
    from clusteropt.evaluation import networks
    from clusteropt.optimizers.learned import weights
    from clusteropt.report import tables
    from clusteropt.report.networks import networks_json, networks_picture, networks_table
    from clusteropt.runtime import host

    if wanted.save_scores:
        raise UsageError(f"--save-scores is for formulas: leave it out for tasks that begin with {NETWORK_TASK}")
    optimizers = {name: weights.named(name) for name in wanted.optimizers}
    networks.check(optimizers, tasks, wanted.test)
    scores = []
    with host.double_precision():
        for score in networks.scores(optimizers, tasks, settings.networks, settings.seed, wanted.alone):
            scores.append(score)
            if not show.quiet:
                mean, half = score.training
                say(f"{score.task}, {score.optimizer}, {score.n_steps} steps: training error {mean:.4f} +- {half:.4f}")
    if show.json:
        emit(networks_json(scores))
    else:
        tables.show(networks_table(scores), show.wide)
    if wanted.plot is not None:
        write_atomically(wanted.plot, networks_picture(scores))
