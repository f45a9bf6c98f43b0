"""`clusteropt minimize`."""

from dataclasses import replace
from typing import Annotated

import typer

from clusteropt.cli import options
from clusteropt.cli.options import Files, Force, Json, Out, PotentialName, Quiet, Threads, Wide


def minimize(
    files: Files,
    potential: PotentialName = None,
    elements: options.Elements = None,
    no_box: options.NoBox = False,
    optimizer: options.Optimizer = None,
    opt: options.Level = None,
    fmax: options.Fmax = None,
    rms: options.Rms = None,
    max_steps: options.MaxSteps = None,
    perturb: options.Perturb = None,
    seed: options.Seed = None,
    trajectories: options.Trajectories = None,
    steps: options.Steps = None,
    hops: options.Hops = None,
    start: options.Start = None,
    out: Out = None,
    save_trajectory: Annotated[
        bool,
        typer.Option(
            "--save-trajectory",
            help="Write <stem>.trajectory.xyz: the way down, every 10 evaluations (start and end of a search).",
        ),
    ] = False,
    all_minima: Annotated[
        bool,
        typer.Option(
            "--all-minima", help="Write <stem>.minima.xyz: all distinct minima that the learned optimizer has found."
        ),
    ] = False,
    time_limit: options.TimeLimit = None,
    threads: Threads = None,
    config: options.Config = None,
    force: Force = False,
    json: Json = False,
    wide: Wide = False,
    quiet: Quiet = False,
) -> None:
    """Search the lowest minimum around every structure in FILES and write it to <stem>.min.xyz in the working directory.

    The learned optimizer explores from each structure; plain local minimization of it takes part, and no answer is above it.
    Examples: [bold]clusteropt minimize cluster.xyz[/bold], and for the local minimum alone
    [bold]clusteropt minimize cluster.xyz --optimizer lbfgs --opt tight[/bold]
    """
    from clusteropt.settings.config import MinimizeSettings, ReadingSettings, merged

    given = {"potential": potential, "optimizer": optimizer, "opt": opt, "fmax": fmax, "rms": rms}
    given |= {"max_steps": max_steps, "perturb": perturb, "seed": seed}
    given |= {"trajectories": trajectories, "steps": steps, "hops": hops, "start": start}
    settings = merged(MinimizeSettings, config, given)
    options.refuse_idle(settings, given | {"all-minima": all_minima or None})

    from clusteropt.commands import plans, session

    plan = plans.plan_outputs(files, out, force, trajectories=save_trajectory, minima=all_minima)
    reading = ReadingSettings(elements, not no_box)
    job = session.Job(files, settings, plan, reading, threads=threads, json=json, wide=wide, quiet=quiet)
    raise typer.Exit(session.run(replace(job, seconds=options.seconds_left(time_limit))))
