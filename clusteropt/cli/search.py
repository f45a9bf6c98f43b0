"""`clusteropt search`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli.flags import From, spread
from clusteropt.cli.options import (
    Calculator,
    Config,
    Devices,
    Force,
    Json,
    Out,
    Quiet,
    Reading,
    Report,
    Scheduler,
    SchedulerFile,
    Verbose,
    Wide,
)
from clusteropt.settings.exploration import ExplorationSettings


@spread
def search(
    given: Annotated[dict[str, Any], From(ExplorationSettings)],
    calculator: Calculator,
    reading: Reading,
    devices: Devices,
    formulas: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FORMULA", help="Compositions, such as Au38, Ag30Pd8 or LJ38 (which means X38).", show_default=False
        ),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from", help="File with structures to start from; may be given several times.", show_default=False
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            help="End after this time, such as 90s, 30m or 2h, for each formula. "
            "[dim]\\[default: 10m without --evaluations, and a minute before a Slurm job ends][/dim]",
            show_default=False,
        ),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(
            help="Database that keeps the minima, and from which the search goes on. "
            "[dim]\\[default: <formula>.minima.db][/dim]",
            show_default=False,
        ),
    ] = None,
    no_db: Annotated[bool, typer.Option("--no-db", help="Keep no database.")] = False,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    out: Out = None,
    report: Report = None,
    config: Config = None,
    force: Force = False,
    json: Json = False,
    wide: Wide = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Search for the lowest minima of compositions, and write the lowest one to <formula>.min.xyz in the working directory.

    All low minima are kept in a database. The same command again goes on from there.

    Examples: [bold]clusteropt search Au38[/bold], and for exactly two minutes
    [bold]clusteropt search LJ38 --time-limit 2m --confirm 0[/bold]
    """
    from clusteropt.commands import calculators
    from clusteropt.commands import search as command
    from clusteropt.commands.plans import Show
    from clusteropt.commands.search_files import SearchOutputs
    from clusteropt.hosts.scheduler import scheduler_of

    given = calculators.named(given, calculator, devices, formulas or [])
    asked = command.asked_for(formulas or [], sources or [], config, given, reading, time_limit)
    outputs, show = SearchOutputs(out, db, no_db, force, report), Show(json, wide, quiet)
    workers = scheduler_of(scheduler, scheduler_file, verbose, devices)
    raise typer.Exit(command.search(asked._replace(outputs=outputs, show=show, scheduler=workers), devices))
