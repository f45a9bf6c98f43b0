"""`clusteropt view`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli import options
from clusteropt.cli.flags import From, spread
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.views import ViewSettings

_FILES = (
    "Structure files, of which 'file.xyz@0:10' names some frames, '-' for standard input, and databases of minima, the "
    "lowest first."
)
_OUT = "File for the picture; its ending, .png, .svg or .pdf, is the format. Without it `ase gui` opens."


@spread
def view(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=_FILES, show_default=False)],
    given: Annotated[dict[str, Any], From(ViewSettings)],
    reading: Annotated[dict[str, Any], From(ReadingSettings, only=("elements",))],
    out: Annotated[Path | None, typer.Option("--out", "-o", help=_OUT, show_default=False)] = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw structures side by side, without a display, or show them in a window.

    Example: [bold]clusteropt view Au38.minima.db -o lowest.png[/bold]
    """
    from clusteropt.commands import view as command
    from clusteropt.commands.plans import Outputs

    raise typer.Exit(command.view(files, given, reading, Outputs(out, force), quiet))
