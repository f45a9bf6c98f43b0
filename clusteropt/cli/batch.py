"""`clusteropt batch`, `merge` and `status`: many structures, one folder of results."""

from pathlib import Path
from typing import Annotated

import typer

from clusteropt.cli import options
from clusteropt.cli.flags import spread
from clusteropt.cli.options import Json, Quiet

_Folder = Annotated[
    Path, typer.Argument(help="Folder of results: the --out of `clusteropt batch`.", show_default=False)
]
_OneFile = Annotated[
    bool | None,
    typer.Option(
        "--one-file/--many-files",
        help="Write all minima into one file, minima.xyz, or a file for each input. "
        "[dim]\\[default: as before in this folder, at first many][/dim]",
        show_default=False,
    ),
]


@spread
def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Structure files, folders, patterns such as 'runs/*.xyz', or '-' for a list of names on standard input.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results; the same command again continues in it.")
    ],
    given: options.GivenToBatch,
    calculator: options.Calculator,
    reading: options.Reading,
    devices: options.Devices,
    config: options.Config = None,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Share of the work: 3/16 is the third of sixteen, auto is the share of this task of an array job.",
            show_default=False,
        ),
    ] = None,
    retry: Annotated[
        str | None,
        typer.Option(
            help="Repeat the structures with this status, such as not-converged; failed means all that have not converged. "
            "--max-steps may then differ.",
            show_default=False,
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Move the results in --out into its folder set-aside, and begin anew.")
    ] = False,
    time_limit: options.TimeLimit = None,
    fail_if_more_than: Annotated[
        str | None,
        typer.Option(
            help="Share of failed structures, such as 5%, up to which the exit code is 0. [dim]\\[default: 0%][/dim]",
            show_default=False,
        ),
    ] = None,
    scheduler: options.Scheduler = None,
    scheduler_file: options.SchedulerFile = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Compute nothing; say how many structures and programs there are, and how much memory and time they need.",
        ),
    ] = False,
    one_file: _OneFile = None,
    report: options.Report = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Minimize all structures of INPUTS into the folder --out, on all cores or many hosts.

    The same command again continues where it stopped.
    It stops with code 75 at the time limit, before the end of a Slurm job, and on SIGTERM, SIGHUP or SIGUSR1.

    Example: [bold]clusteropt batch starts/ --out results --optimizer lbfgs[/bold]
    """
    from clusteropt.batch.job import BatchJob, retry_of, shard_of, tolerated_of
    from clusteropt.commands import batches, calculators, structures
    from clusteropt.hosts.scheduler import scheduler_of

    given = calculators.named(given, calculator, devices)
    settings = structures.chosen(config, given)
    job = BatchJob(inputs, out, settings, shard_of(shard), retry_of(retry), restart, tolerated_of(fail_if_more_than))
    job.scheduler = scheduler_of(scheduler, scheduler_file, verbose, devices)
    job.json, job.quiet, job.one_file, job.report = json, quiet, one_file, report
    raise typer.Exit(batches.batch(job, reading, dry_run, devices, time_limit))


def merge(folder: _Folder, one_file: _OneFile = None, json: Json = False) -> None:
    """Join the results of a batch: a line for each structure in results.jsonl, and the minima of each input in minima/.

    The command refuses if a structure has no result.

    Example: [bold]clusteropt merge results[/bold]
    """
    from clusteropt.batch import overview

    raise typer.Exit(overview.merge_folder(folder, json, one_file))


def status(folder: _Folder, json: Json = False) -> None:
    """Show how far a batch has got, from its files alone. Example: [bold]clusteropt status results[/bold]"""
    from clusteropt.batch import overview

    overview.status(folder, json)
