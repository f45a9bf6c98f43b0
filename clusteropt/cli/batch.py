"""`clusteropt batch`, `merge` and `status`: many structures, one folder of results."""

from pathlib import Path
from typing import Annotated

import typer

from clusteropt.cli import options
from clusteropt.cli.flags import spread
from clusteropt.cli.options import Json, Quiet

_Folder = Annotated[
    Path, typer.Argument(help="The folder that --out of `clusteropt batch` has named.", show_default=False)
]
_OneFile = Annotated[
    bool | None,
    typer.Option(
        "--one-file/--many-files",
        help="All minima in one file, minima.xyz, or a file for each input. "
        "[dim]\\[default: as it was before, else many][/dim]",
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
        Path, typer.Option("--out", "-o", help="Folder for the results; the same command again goes on in it.")
    ],
    given: options.GivenToBatch,
    reading: options.Reading,
    devices: options.Devices,
    config: options.Config = None,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Only a share: 3/16 is the third of sixteen, auto that of this task of an array job.",
            show_default=False,
        ),
    ] = None,
    retry: Annotated[
        str | None,
        typer.Option(
            help="Do again what has ended so: failed (all but converged), or a status such as not-converged; --max-steps may "
            "be another then.",
            show_default=False,
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Set the results in --out aside, in its folder set-aside, and begin anew.")
    ] = False,
    time_limit: options.TimeLimit = None,
    fail_if_more_than: Annotated[
        str | None,
        typer.Option(
            help="Share of failures, as 5%, up to which the exit code is 0. [dim]\\[default: 0%][/dim]",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, tcp://host:port, to compute there.", show_default=False),
    ] = None,
    scheduler_file: Annotated[
        Path | None, typer.Option(help="File that a Dask scheduler has written, instead.", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what there is to do: structures, programs, memory, time.")
    ] = False,
    one_file: _OneFile = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log lines of Dask on standard error too.")] = False,
) -> None:
    """Minimize all structures of INPUTS, on all cores or many hosts, into the folder --out; the same command again goes on.

    Stops with code 75 at the time limit, before the end of a Slurm job, and on SIGTERM, SIGHUP or SIGUSR1. Example:
    [bold]clusteropt batch starts/ --out results --optimizer lbfgs[/bold]
    """
    from clusteropt.batch.job import BatchJob, retry_of, shard_of, tolerated_of
    from clusteropt.commands import batches, structures

    settings = structures.chosen(config, given)
    job = BatchJob(inputs, out, settings, shard_of(shard), retry_of(retry), restart, tolerated_of(fail_if_more_than))
    job.scheduler, job.scheduler_file, job.json, job.quiet = scheduler, scheduler_file, json, quiet
    job.one_file, job.verbose = one_file, verbose
    raise typer.Exit(batches.batch(job, reading, dry_run, devices, time_limit))


def merge(folder: _Folder, one_file: _OneFile = None, json: Json = False) -> None:
    """Join the results of a batch: a line per structure in results.jsonl, and the minima of each input in minima/.

    Refuses where a structure has no result. Example: [bold]clusteropt merge results[/bold]
    """
    from clusteropt.batch import overview

    raise typer.Exit(overview.merge_folder(folder, json, one_file))


def status(folder: _Folder, json: Json = False) -> None:
    """How far a batch has got, from its files alone. Example: [bold]clusteropt status results[/bold]"""
    from clusteropt.batch import overview

    overview.status(folder, json)
