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
    from clusteropt import session
    from clusteropt.config import ReadingSettings

    plan = session.plan_outputs(files, out, force) if out is not None else session.NO_OUTPUT
    reading = ReadingSettings(elements, not no_box)
    raise typer.Exit(
        session.evaluate_files(
            files, potential, plan, reading=reading, threads=threads, json=json, wide=wide, quiet=quiet
        )
    )
