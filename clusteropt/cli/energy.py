"""`clusteropt energy`."""

import typer

from clusteropt.cli import options
from clusteropt.cli.flags import spread


@spread
def energy(
    files: options.Files,
    given: options.Potential,
    calculator: options.Calculator,
    reading: options.Reading,
    devices: options.Devices,
    out: options.Out = None,
    force: options.Force = False,
    json: options.Json = False,
    wide: options.Wide = False,
    quiet: options.Quiet = False,
) -> None:
    """Compute energies and forces of every structure in FILES without moving it; --out writes them to a file.

    Example: [bold]clusteropt energy cluster.xyz --json[/bold]
    """
    from clusteropt.commands import calculators, structures
    from clusteropt.commands.plans import Outputs, Show

    given = calculators.named(given, calculator, devices)
    show = Show(json, wide, quiet)
    raise typer.Exit(structures.energy(files, given, reading, Outputs(out, force), show, devices))
