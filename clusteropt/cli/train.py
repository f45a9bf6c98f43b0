"""`clusteropt train es`."""

from pathlib import Path
from typing import Annotated

import typer

from clusteropt.cli.options import Force, Quiet, Threads

app = typer.Typer(help="Train a learned optimizer of your own.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def _group() -> None:
    pass


@app.command("es")
def es(
    out: Annotated[Path, typer.Option("--out", "-o", help="Weights file to write, HDF5.")] = Path("optimizer.h5"),
    tasks: Annotated[
        str, typer.Option(help="Formulas to train on, separated by commas; each outer step takes the next one.")
    ] = "X13",
    steps: Annotated[int, typer.Option(help="Outer steps.", min=1)] = 60,
    trajectory: Annotated[int, typer.Option(help="Inner steps (evaluations) of a trajectory.", min=1)] = 300,
    clusters: Annotated[int, typer.Option(help="Trajectories for the loss of one candidate.", min=1)] = 64,
    pairs: Annotated[int, typer.Option(help="Antithetic pairs of candidates in an outer step.", min=1)] = 8,
    sigma: Annotated[float, typer.Option(help="Spread of the perturbations of theta; no unit.")] = 0.1,
    rate: Annotated[float, typer.Option(help="First step length of the outer optimizer; falls to a tenth.")] = 0.02,
    outer: Annotated[str, typer.Option(help="Outer optimizer: adam, rmsprop, adafactor or sgd.")] = "adam",
    loss: Annotated[str, typer.Option(help="Trajectory loss: final, mean or soft-min.")] = "final",
    temperature: Annotated[float, typer.Option(help="Of the soft minimum, in the potential's energy scale.")] = 2.0,
    network: Annotated[str, typer.Option(help="vector or coordinate.")] = "vector",
    seed: Annotated[int, typer.Option(help="Of everything random; no unit.", min=0)] = 0,
    threads: Threads = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train a learned optimizer by evolution strategies with meta-loss clipping, from random starts.

    Example: [bold]clusteropt train es[/bold] trains on LJ13, and
    [bold]clusteropt minimize cluster.xyz --optimizer optimizer.h5[/bold] uses what it has written.
    """
    from clusteropt import runtime
    from clusteropt.errors import UsageError
    from clusteropt.files import check_writable

    if out.suffix != ".h5":
        raise UsageError(f"{out}: weights files end in .h5, by which `minimize --optimizer` knows them")
    check_writable(out, force)
    runtime.prepare(threads or runtime.n_cores())
    from clusteropt.optimizers.learned.settings import LearnedSettings
    from clusteropt.training.session import train_es
    from clusteropt.training.settings import TrainSettings

    settings = TrainSettings(
        tasks=tuple(task.strip() for task in tasks.split(",") if task.strip()),
        steps=steps,
        trajectory=trajectory,
        clusters=clusters,
        pairs=pairs,
        sigma=sigma,
        rate=rate,
        outer=outer,
        loss=loss,
        temperature=temperature,
        seed=seed,
        network=LearnedSettings(network=network),
    )
    train_es(settings, out, quiet)
