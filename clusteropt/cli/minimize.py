"""`clusteropt minimize`."""

from pathlib import Path
from typing import Annotated

import typer

from clusteropt.cli.options import Files, Force, Json, Out, PotentialName, Quiet, Threads


def minimize(
    files: Files,
    potential: PotentialName = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            help="learned (the shipped one, for global search), the .h5 file of one of your own, or for local minimization "
            "lbfgs, fire, gradient-descent. [dim]\\[default: learned][/dim]",
            show_default=False,
        ),
    ] = None,
    opt: Annotated[
        str | None,
        typer.Option(
            help="How far to converge: crude (largest force 1e-2 of the potential's energy over length scale), loose (1e-3), "
            "normal (1e-4), tight (1e-6) or extreme (1e-8). [dim]\\[default: normal][/dim]",
            show_default=False,
        ),
    ] = None,
    fmax: Annotated[
        float | None,
        typer.Option(
            help="Converged when no force is larger; force unit of the potential, eV/angstrom or epsilon/sigma.",
            show_default=False,
        ),
    ] = None,
    rms: Annotated[
        float | None,
        typer.Option(
            help="Converged when the root mean square of all force components is smaller; same unit as fmax.",
            show_default=False,
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            help="Evaluations of energy and forces allowed for each local minimization. [dim]\\[default: 20000][/dim]",
            show_default=False,
        ),
    ] = None,
    perturb: Annotated[
        float | None,
        typer.Option(
            help="Random displacement before the start (angstrom or sigma), to leave saddle points. [dim]\\[default: 0][/dim]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Of random displacements, starts and hops; no unit. [dim]\\[default: 0][/dim]", show_default=False
        ),
    ] = None,
    trajectories: Annotated[
        int | None,
        typer.Option(
            help="Learned trajectories for each structure; the lowest minimum wins. [dim]\\[default: 16][/dim]",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Steps (evaluations) of a learned trajectory. [dim]\\[default: 8 for each atom, up to 1000][/dim]",
            show_default=False,
        ),
    ] = None,
    hops: Annotated[
        int | None,
        typer.Option(
            help="Hops from minimum to minimum after each trajectory, at most. [dim]\\[default: 200][/dim]",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Where trajectories start: given (the structure, then near it and at random in turn), perturbed or random. "
            "[dim]\\[default: given][/dim]",
            show_default=False,
        ),
    ] = None,
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
    threads: Threads = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with any of the options from potential to start; the command line wins.", show_default=False
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search the lowest minimum around every structure in FILES and write it to <stem>.min.xyz in the working directory.

    The learned optimizer explores from each structure; plain local minimization of it takes part, and no answer is above it.
    Examples: [bold]clusteropt minimize cluster.xyz[/bold], and for the local minimum alone
    [bold]clusteropt minimize cluster.xyz --optimizer lbfgs --opt tight[/bold]
    """
    from clusteropt.config import OPTIMIZERS, MinimizeSettings, merged
    from clusteropt.errors import UsageError

    given = {"potential": potential, "optimizer": optimizer, "opt": opt, "fmax": fmax, "rms": rms}
    given |= {"max_steps": max_steps, "perturb": perturb, "seed": seed}
    given |= {"trajectories": trajectories, "steps": steps, "hops": hops, "start": start}
    settings = merged(MinimizeSettings, config, given)
    idle = [name for name in ("trajectories", "steps", "hops", "start") if given[name] is not None]
    idle += ["all-minima"] if all_minima else []
    if settings.optimizer in OPTIMIZERS and idle:
        raise UsageError(f"--{idle[0]} is for a learned optimizer, and --optimizer is {settings.optimizer}: drop one")

    from clusteropt import session

    plan = session.plan_outputs(files, out, force, trajectories=save_trajectory, minima=all_minima)
    raise typer.Exit(session.minimize_files(files, settings, plan, threads=threads, json=json, quiet=quiet))
