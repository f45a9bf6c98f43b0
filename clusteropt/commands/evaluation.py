"""`clusteropt evaluate`: measures optimizers on tasks and prints their scores."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clusteropt.commands import network_evaluation
from clusteropt.commands.plans import Comparison, Show
from clusteropt.commands.process import prepare
from clusteropt.console import emit, say
from clusteropt.errors import UsageError
from clusteropt.evaluation.settings import NETWORK_TASK, EvaluationSettings
from clusteropt.runtime.files import check_writable
from clusteropt.runtime.signals import STOPPING, Signals, remembered, stopped
from clusteropt.settings.merging import merged
from clusteropt.words import counted

if TYPE_CHECKING:
    from clusteropt.evaluation.benchmark import Measurement
    from clusteropt.evaluation.score import Score


def evaluate(wanted: Comparison, given: dict[str, Any], show: Show, devices: dict[str, Any]) -> None:
    """Measures the optimizers and prints their scores.

    Raises UsageError for invalid options, and for training tasks with `test`. Raises Stopped or Interrupted after a signal, when
    finished scores are printed.
    """
    _check(wanted)
    settings = merged(EvaluationSettings, None, given)
    prepare(devices)
    from clusteropt.evaluation import benchmark

    tasks = benchmark.formulas_of(wanted.tasks)
    if any(task.startswith(NETWORK_TASK) for task in tasks):
        network_evaluation.evaluate(wanted, tasks, settings, show)
        return
    measurement = benchmark.planned(wanted.optimizers, tasks, settings, wanted.alone)
    for name, known in benchmark.trained(measurement).items() if wanted.test else ():
        raise UsageError(
            f"{', '.join(known)}: was in the training of {name}, which --test refuses: leave it out, or drop --test"
        )
    with remembered(*STOPPING) as signals:
        scores, whole = _measured(measurement, show.quiet, signals)
        _report(wanted, measurement, scores, show)
    if not whole:
        raise stopped(signals, f"{counted(len(scores), 'measurement')} finished and shown")


def _check(wanted: Comparison) -> None:
    """Raises UsageError where the picture or the scores cannot be written."""
    if wanted.plot is not None:
        if wanted.plot.suffix != ".png":
            raise UsageError(f"{wanted.plot}: the picture is a PNG file: end the name in .png")
        check_writable(wanted.plot, wanted.force, "--plot")
    if wanted.save_scores and not all(name.endswith(".h5") for name in wanted.optimizers):
        raise UsageError("--save-scores writes into .h5 files of your own: name only such files as OPTIMIZER")


def _measured(measurement: "Measurement", quiet: bool, signals: Signals) -> tuple[list["Score"], bool]:
    """The scores, and False where a signal has ended the measurement early. Afterwards signals are only noted."""
    from clusteropt.evaluation import benchmark

    scores: list[Score] = []
    try:
        for score in benchmark.scores(measurement):
            scores.append(score)
            if not quiet:
                say(_line(score))
    except KeyboardInterrupt:
        signals.patient = True
        return scores, False
    signals.patient = True
    return scores, True


def _line(score: "Score") -> str:
    ends = {
        "evaluations": ", the limit of --evaluations",
        "seconds": ", the limit of --seconds: the count depends on the speed of the machine",
    }
    count = f"{counted(score.n_hits, 'hit')} in {counted(score.n_evaluations, 'evaluation')}"
    return f"{score.formula}, {score.name}: {count}{ends.get(score.ended_by, '')}"


def _report(wanted: Comparison, measurement: "Measurement", scores: list["Score"], show: Show) -> None:
    """Prints the scores, and writes them to files where the user asks for it."""
    from clusteropt.report import tables
    from clusteropt.report.results import scores_json, scores_picture, scores_table

    if show.json:
        emit(scores_json(scores))
    else:
        tables.show(scores_table(scores), show.wide)
    if wanted.save_scores:
        _keep(measurement, scores)
    if wanted.plot is not None and scores:
        scores_picture(scores, wanted.plot)


def _keep(measurement: "Measurement", scores: list["Score"]) -> None:
    from clusteropt.io import cards
    from clusteropt.optimizers.learned import weights
    from clusteropt.report.results import score_record

    for name, optimizer in measurement.optimizers.items():
        own = [score_record(score) for score in scores if score.optimizer == name]
        weights.save(Path(name), cards.with_scores(optimizer, own))
