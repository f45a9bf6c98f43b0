"""`clusteropt energy`."""

import typer

from clusteropt.cli import options
from clusteropt.cli.options import Files, Force, Json, Out, PotentialName, Quiet, Threads, Wide


def energy(
    files: Files,
    potential: PotentialName = None,
    elements: options.Elements = None,
    no_box: options.NoBox = False,
    out: Out = None,
    threads: Threads = None,
    force: Force = False,
    json: Json = False,
    wide: Wide = False,
    quiet: Quiet = False,
) -> None:
    """Energies and forces of every structure in FILES as it is; with --out, written to a file.

    Example: [bold]clusteropt energy cluster.xyz --json[/bold]
    """
    from clusteropt.commands import plans, session
    from clusteropt.settings.config import MinimizeSettings, ReadingSettings

    plan = plans.plan_outputs(files, out, force) if out is not None else plans.NO_OUTPUT
    settings, reading = MinimizeSettings(potential), ReadingSettings(elements, not no_box)
    job = session.Job(files, settings, plan, reading, move=False, threads=threads, json=json, wide=wide, quiet=quiet)
    raise typer.Exit(session.run(job))
