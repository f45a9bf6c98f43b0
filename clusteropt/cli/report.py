"""`clusteropt report` and `clusteropt plot`: results as a web page and as pictures."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli.flags import From, spread
from clusteropt.cli.options import Force, Quiet, Reading
from clusteropt.settings.reports import ReportSettings

_Results = Annotated[
    str,
    typer.Argument(
        metavar="RESULTS",
        help="Database of minima, folder of a batch, file of structures, or the output of evaluate --json or grow --json.",
        show_default=False,
    ),
]


@spread
def report(
    results: _Results,
    given: Annotated[dict[str, Any], From(ReportSettings)],
    reading: Reading,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File for the page; one that `report` has written is replaced. [dim]\\[default: <results>.report.html][/dim]",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Make a report of RESULTS: one web page with tables, pictures and structures in 3D, which opens without a network.

    Example: [bold]clusteropt report X38.minima.db -o report.html[/bold]
    """
    from clusteropt.commands import reports

    reports.report(results, given, reading, reports.Drawn(out or reports.page_for(results), force, quiet))


@spread
def plot(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="What to draw. Of minima: ladder, hits, progress, radial, coordination, segregation, mixing, series. "
            "Of a batch: status, energies, slowest. Of evaluate --json: scores, networks.",
            show_default=False,
        ),
    ],
    results: _Results,
    given: Annotated[dict[str, Any], From(ReportSettings, only=("formula",))],
    reading: Reading,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="File for the picture; its ending, .png, .svg or .pdf, is the format."),
    ],
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Draw one picture of RESULTS, as a report has it, for a paper.

    Example: [bold]clusteropt plot ladder X38.minima.db -o ladder.pdf[/bold]
    """
    from clusteropt.commands import reports

    reports.plot(kind, results, given, reading, reports.Drawn(out, force, quiet))
