"""`clusteropt evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from clusteropt.cli.options import Force, Json, Quiet, Threads, Wide


def evaluate(
    optimizer: Annotated[
        str, typer.Argument(help="learned (the shipped one), or the .h5 file of one of your own.", show_default=False)
    ],
    tasks: Annotated[
        str, typer.Option(help="Formulas with a best-known minimum, separated by commas: X17,X22,Cu13.")
    ] = "X17,X22,X34",
    steps: Annotated[
        int | None, typer.Option(help="Steps of a trajectory. Default: 7.5 for each atom.", min=0, show_default=False)
    ] = None,
    hops: Annotated[
        int | None, typer.Option(help="Hops after it, at most. Default: 200.", min=0, show_default=False)
    ] = None,
    hop_steps: Annotated[
        int | None,
        typer.Option(help="Learned steps in a hop. Default: 40; none for silicon.", min=0, show_default=False),
    ] = None,
    hits: Annotated[int, typer.Option(help="Hits that are enough.", min=1)] = 20,
    evaluations: Annotated[float, typer.Option(help="Evaluations allowed for each task and method.")] = 3e6,
    seconds: Annotated[float, typer.Option(help="Seconds allowed, likewise.")] = 300.0,
    chains: Annotated[int, typer.Option(help="Chains at a time.", min=1)] = 256,
    seed: Annotated[int, typer.Option(help="Of starts and hops; no unit.", min=0)] = 0,
    alone: Annotated[bool, typer.Option("--alone", help="Without multistart and basin hopping beside it.")] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Refuse tasks that were trained on: the result is one of a test.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="PNG file for a picture of evaluations per hit.", show_default=False)
    ] = None,
    save_scores: Annotated[
        bool, typer.Option("--save-scores", help="Keep the optimizer's scores in its .h5 file, for `optimizers show`.")
    ] = False,
    threads: Threads = None,
    force: Force = False,
    json: Json = False,
    wide: Wide = False,
    quiet: Quiet = False,
) -> None:
    """Measure how often OPTIMIZER finds best-known minima, and at what cost.

    Multistart by L-BFGS and basin hopping, both on the same kernels, are measured beside it. What was in the optimizer's
    training is marked, and is no test. Example: [bold]clusteropt evaluate learned --tasks X17,X22[/bold]
    """
    from clusteropt import runtime
    from clusteropt.errors import Interrupted, UsageError
    from clusteropt.files import check_writable

    if plot is not None:
        if plot.suffix != ".png":
            raise UsageError(f"{plot}: pictures are PNG files: end the name in .png")
        check_writable(plot, force, "--plot")
    if save_scores and not optimizer.endswith(".h5"):
        raise UsageError("--save-scores writes into a .h5 file of your own: name one as OPTIMIZER")
    runtime.prepare(threads or runtime.n_cores())
    from clusteropt import cards, evaluation, weights
    from clusteropt.console import emit, say
    from clusteropt.report import score_record, scores_json, scores_picture, scores_table
    from clusteropt.tables import show

    settings = evaluation.EvaluationSettings(hits, evaluations, seconds, chains, seed)
    chosen = weights.named(optimizer)
    problems = [evaluation.problem(task.strip()) for task in tasks.split(",") if task.strip()]
    if not problems:
        raise UsageError("tasks must name at least one formula, as X17")
    seen = {p.formula: cards.seen(chosen, p.symbols, p.potential) for p in problems}
    trained = [formula for formula, word in seen.items() if word == "trained"]
    if test and trained:
        raise UsageError(f"{', '.join(trained)}: in the training of {optimizer}, so no test: leave out, or drop --test")
    scores: list[evaluation.Score] = []
    interrupted = False
    try:
        for given in problems:
            methods = evaluation.methods(chosen, given, steps=steps, hops=hops, hop_steps=hop_steps)
            for method, search in methods.items():
                if alone and method != evaluation.LEARNED:
                    continue
                word = seen[given.formula] if method == evaluation.LEARNED else ""
                scores.append(evaluation.measure(given, method, search, settings, word))
                if not quiet:
                    say(
                        f"{given.formula}, {method}: {scores[-1].n_hits} hits in {scores[-1].n_evaluations} evaluations"
                    )
    except KeyboardInterrupt:  # what has been measured is shown
        interrupted = True
    if plot is not None and scores:
        scores_picture(scores, plot)
    if save_scores:
        own = [score_record(score) for score in scores if score.method == evaluation.LEARNED]
        weights.save(Path(optimizer), cards.with_scores(chosen, own))
    if json:
        emit(scores_json(scores))
    else:
        show(scores_table(scores), wide)
    if interrupted:
        raise Interrupted(f"interrupted: {len(scores)} measurements are finished")
