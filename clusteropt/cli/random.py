"""`clusteropt random`."""

from typing import Annotated

import typer

from clusteropt.cli import options
from clusteropt.cli.flags import spread


@spread
def random(
    formula: Annotated[
        str,
        typer.Argument(
            help="Chemical formula, such as Au38, Ag20Cu18, or X38 (Lennard-Jones in reduced units).",
            show_default=False,
        ),
    ],
    given: options.Potential,
    count: Annotated[int, typer.Option(help="Number of structures.", min=1, max=1_000_000)] = 1,
    seed: Annotated[
        int, typer.Option(help="Seed of the random numbers; structure k of a seed is the same for any count.", min=0)
    ] = 0,
    density: Annotated[
        float,
        typer.Option(
            help="Atoms in a cube whose edge is the potential's nearest-neighbour distance; a close-packed solid has 1.4.",
            min=1e-6,
        ),
    ] = 0.34,
    out: options.Out = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Make random starting structures, atoms uniform in a sphere, and write them to standard output or to --out.

    Example: [bold]clusteropt random Au38 --count 100 --out starts.xyz[/bold]
    """
    from clusteropt.commands import starts
    from clusteropt.commands.plans import Outputs

    starts.random(formula, count, seed, density, given["potential"], Outputs(out, force), quiet)
