"""`clusteropt evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clusteropt.cli.options import Force, Json, Quiet, Threads, Wide

if TYPE_CHECKING:
    from clusteropt.evaluation.benchmark import Plan
    from clusteropt.evaluation.score import Score
    from clusteropt.runtime.signals import Signals


def evaluate(
    optimizers: Annotated[
        list[str],
        typer.Argument(
            metavar="OPTIMIZER",
            help="learned (the shipped one), or .h5 files of your own; several are compared.",
            show_default=False,
        ),
    ],
    tasks: Annotated[
        str, typer.Option(help="Formulas with a best-known minimum, separated by commas: X17,X22,Cu13.")
    ] = "X17,X22,X34",
    steps: Annotated[
        int | None, typer.Option(help="Steps of a trajectory. Default: 7.5 for each atom.", min=0, show_default=False)
    ] = None,
    hops: Annotated[
        int | None,
        typer.Option(help="Hops after a trajectory, at most. Default: 200.", min=0, show_default=False),
    ] = None,
    hop_steps: Annotated[
        int | None,
        typer.Option(help="Learned steps in a hop. Default: 40; none for silicon.", min=0, show_default=False),
    ] = None,
    hits: Annotated[
        int,
        typer.Option(
            help="Hits after which no chain begins; those under way go on to their ends, and may hit too.", min=1
        ),
    ] = 20,
    evaluations: Annotated[
        float, typer.Option(help="Evaluations allowed for each task and method, after which all chains are cut off.")
    ] = 3e6,
    seconds: Annotated[
        float, typer.Option(help="Seconds allowed, likewise; a score that they end is not repeatable.")
    ] = 300.0,
    chains: Annotated[int, typer.Option(help="Chains at a time.", min=1)] = 64,
    seed: Annotated[int, typer.Option(help="Of starts and hops; no unit.", min=0)] = 0,
    alone: Annotated[bool, typer.Option("--alone", help="Without multistart and basin hopping beside it.")] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Refuse tasks that were trained on: the result is one of a test.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="PNG file for a picture of evaluations per hit.", show_default=False)
    ] = None,
    save_scores: Annotated[
        bool, typer.Option("--save-scores", help="Keep the scores in the .h5 files, for `optimizers show`.")
    ] = False,
    threads: Threads = None,
    force: Force = False,
    json: Json = False,
    wide: Wide = False,
    quiet: Quiet = False,
) -> None:
    """Measure how often optimizers find best-known minima from random starts, and what a hit costs.

    Multistart by L-BFGS and basin hopping, both on the same kernels, are measured beside them. What was in an optimizer's
    training is marked, and is no test. Example: [bold]clusteropt evaluate learned mine.h5 --tasks X17,X22[/bold]
    """
    from clusteropt.errors import UsageError
    from clusteropt.runtime import host, machine
    from clusteropt.runtime.files import check_writable

    if plot is not None:
        if plot.suffix != ".png":
            raise UsageError(f"{plot}: pictures are PNG files: end the name in .png")
        check_writable(plot, force, "--plot")
    if save_scores and not all(name.endswith(".h5") for name in optimizers):
        raise UsageError("--save-scores writes into .h5 files of your own: name no others as OPTIMIZER")
    host.prepare(threads or machine.n_cores())
    from clusteropt.console import emit
    from clusteropt.evaluation import benchmark
    from clusteropt.evaluation.settings import EvaluationSettings
    from clusteropt.report.results import scores_json, scores_picture, scores_table
    from clusteropt.report.tables import show
    from clusteropt.runtime.signals import STOPPING, remembered, stopped
    from clusteropt.words import counted

    settings = EvaluationSettings(hits, evaluations, seconds, chains, seed)
    changes = {"steps": steps, "hops": hops, "hop_steps": hop_steps}
    plan = benchmark.planned(optimizers, benchmark.formulas_of(tasks), settings, changes, alone)
    for name, known in benchmark.trained(plan).items() if test else ():
        raise UsageError(f"{', '.join(known)}: in the training of {name}, so no test: leave out, or drop --test")
    with remembered(*STOPPING) as signals:
        scores, whole = _measured(plan, quiet, signals)
        if json:
            emit(scores_json(scores))
        else:
            show(scores_table(scores), wide)
        if save_scores:
            _keep(plan, scores)
        if plot is not None and scores:
            scores_picture(scores, plot)
    if not whole:
        raise stopped(signals, f"{counted(len(scores), 'measurement')} finished and shown")


def _measured(plan: "Plan", quiet: bool, signals: "Signals") -> tuple[list["Score"], bool]:
    """The scores, and whether no signal has ended them early. Afterwards signals are only noted."""
    from clusteropt.console import say
    from clusteropt.evaluation import benchmark

    scores: list[Score] = []
    try:
        for score in benchmark.scores(plan):
            scores.append(score)
            if not quiet:
                say(_line(score))
    except KeyboardInterrupt:
        signals.patient = True
        return scores, False
    signals.patient = True
    return scores, True


def _line(score: "Score") -> str:
    from clusteropt.words import counted

    ends = {
        "evaluations": ", all that were allowed (--evaluations)",
        "seconds": ", all that the time allowed (--seconds): another run may end elsewhere",
    }
    count = f"{counted(score.n_hits, 'hit')} in {counted(score.n_evaluations, 'evaluation')}"
    return f"{score.formula}, {score.name}: {count}{ends.get(score.ended_by, '')}"


def _keep(plan: "Plan", scores: list["Score"]) -> None:
    from clusteropt.io import cards
    from clusteropt.optimizers.learned import weights
    from clusteropt.report.results import score_record

    for name, optimizer in plan.optimizers.items():
        own = [score_record(score) for score in scores if score.optimizer == name]
        weights.save(Path(name), cards.with_scores(optimizer, own))
