"""`clusteropt minimize`."""

from typing import Annotated

import typer

from clusteropt.cli import options
from clusteropt.cli.flags import spread


@spread
def minimize(
    files: options.Files,
    given: options.Given,
    calculator: options.Calculator,
    reading: options.Reading,
    devices: options.Devices,
    out: options.Out = None,
    save_trajectory: Annotated[
        bool,
        typer.Option(
            "--save-trajectory",
            help="Write <stem>.trajectory.xyz: the structure every 10 evaluations; of a search, its start and end.",
        ),
    ] = False,
    time_limit: options.TimeLimit = None,
    config: options.Config = None,
    force: options.Force = False,
    json: options.Json = False,
    wide: options.Wide = False,
    quiet: options.Quiet = False,
) -> None:
    """Search for the lowest minimum from every structure in FILES, and write it to <stem>.min.xyz in the working directory.

    A learned optimizer searches from each structure.
    Plain local minimization takes part, so the answer is never above its result.

    Examples: [bold]clusteropt minimize cluster.xyz[/bold], and for the local minimum alone
    [bold]clusteropt minimize cluster.xyz --optimizer lbfgs --opt tight[/bold]
    """
    from clusteropt.commands import calculators, structures
    from clusteropt.commands.plans import Outputs, Show

    settings = structures.chosen(config, calculators.named(given, calculator, devices))
    outputs, show = Outputs(out, force, save_trajectory, settings.all_minima), Show(json, wide, quiet)
    raise typer.Exit(structures.minimize(files, settings, reading, outputs, show, devices, time_limit))
