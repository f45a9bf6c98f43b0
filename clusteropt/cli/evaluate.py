"""`clusteropt evaluate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli.flags import From, spread
from clusteropt.cli.options import Devices, Force, Json, Quiet, Wide
from clusteropt.errors import UsageError
from clusteropt.evaluation.settings import EvaluationSettings


@spread
def evaluate(
    optimizers: Annotated[
        list[str],
        typer.Argument(
            metavar="OPTIMIZER",
            help="learned (the shipped optimizer), or .h5 files of your own; several are compared.",
            show_default=False,
        ),
    ],
    given: Annotated[dict[str, Any], From(EvaluationSettings)],
    devices: Devices,
    tasks: Annotated[
        str,
        typer.Option(
            help="Formulas with a best-known minimum, or tasks as net:digits; separated by commas: X17,X22,Cu13."
        ),
    ] = "X17,X22,X34",
    alone: Annotated[
        bool,
        typer.Option("--alone", help="Measure the optimizers alone, without search, multistart and basin hopping."),
    ] = False,
    test: Annotated[
        bool,
        typer.Option("--test", help="Refuse tasks that an optimizer was trained on, so that the result is a test."),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="PNG file to write: a picture of the evaluations per hit, or of the training errors.",
            show_default=False,
        ),
    ] = None,
    save_scores: Annotated[
        bool, typer.Option("--save-scores", help="Keep the scores in the .h5 files, for `optimizers show`.")
    ] = False,
    calculator: Annotated[str | None, typer.Option("--calculator", hidden=True)] = None,
    force: Force = False,
    json: Json = False,
    wide: Wide = False,
    quiet: Quiet = False,
) -> None:
    """Measure how often optimizers find best-known minima from random starts, and what a hit costs.

    The adaptive search, multistart by L-BFGS and basin hopping are measured for comparison, on the same kernels.
    Tasks that an optimizer was trained on are marked, because they are no test of it. An optimizer for networks is
    measured on tasks as net:digits, beside Adam, momentum and RMSProp, each with the best of ten rates.

    Example: [bold]clusteropt evaluate learned mine.h5 --tasks X17,X22[/bold]
    """
    if calculator is not None:
        raise UsageError(
            "evaluate counts hits of best-known minima, which calculators have none of: "
            f"look for low minima with `clusteropt search FORMULA --calculator {calculator}`"
        )
    from clusteropt.commands import evaluation
    from clusteropt.commands.plans import Comparison, Show

    wanted = Comparison(optimizers, tasks, alone, test, plot, save_scores, force)
    evaluation.evaluate(wanted, given, Show(json, wide, quiet), devices)
