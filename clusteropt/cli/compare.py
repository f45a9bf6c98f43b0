"""`clusteropt compare`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clusteropt.cli import options
from clusteropt.cli.flags import From, spread
from clusteropt.settings.config import CompareSettings

_OUT = "Output file in extended XYZ: A, then B laid on it with its atoms in the order of A; '-' means standard output."
_ONE = "A file with one structure, or one of a file's: 'file.xyz@3'; '-' for standard input."


@spread
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=_ONE, show_default=False)],
    b: Annotated[
        str, typer.Argument(metavar="B", help="The structure that is laid on A, likewise.", show_default=False)
    ],
    given: Annotated[dict[str, Any], From(CompareSettings)],
    reading: options.Reading,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=_OUT, show_default=False)] = None,
    force: options.Force = False,
    json: options.Json = False,
    wide: options.Wide = False,
    quiet: options.Quiet = False,
) -> None:
    """Say whether structures A and B are the same but for rotation, shift, the order of like atoms and mirror image.

    The exit code is 0 for the same, 1 for others. Example: [bold]clusteropt compare mine.xyz theirs.xyz[/bold]
    """
    from clusteropt.commands import comparison
    from clusteropt.commands.plans import Outputs, Show

    show = Show(json, wide, quiet)
    raise typer.Exit(comparison.compare((a, b), given, reading, Outputs(out, force), show))
