"""`clusteropt random`."""

from typing import Annotated

import typer

from clusteropt.cli.options import Force, Out, PotentialName, Quiet
from clusteropt.console import emit_frames, say, warn


def random(
    formula: Annotated[
        str,
        typer.Argument(
            help="Chemical formula, as Au38, Ag20Cu18, X38 (Lennard-Jones in reduced units).", show_default=False
        ),
    ],
    count: Annotated[int, typer.Option(help="Number of structures.", min=1, max=1_000_000)] = 1,
    seed: Annotated[
        int, typer.Option(help="Of the random numbers; structure k of a seed is the same for any count.", min=0)
    ] = 0,
    density: Annotated[
        float,
        typer.Option(
            help="Atoms in a cube of the potential's nearest-neighbour distance; 1.4 is a close-packed solid.", min=1e-6
        ),
    ] = 0.34,
    potential: PotentialName = None,
    out: Out = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Random starting structures: atoms uniform in a sphere, to standard output or a file.

    Example: [bold]clusteropt random Au38 --count 100 --out starts.xyz[/bold]
    """
    from clusteropt.io.extxyz import text_of
    from clusteropt.potentials import sets
    from clusteropt.runtime.files import check_writable, write_atomically
    from clusteropt.search.starts import random_starts
    from clusteropt.words import counted

    to_file = out is not None and str(out) != "-"
    if out is not None and to_file:
        check_writable(out, force)
    warn(sets.doubt(potential), quiet)
    text = text_of(random_starts(formula, count, seed, density, potential))
    if out is not None and to_file:
        write_atomically(out, text)
        if not quiet:
            say(f"{counted(count, 'structure')} of {formula} written to {out}")
    else:
        emit_frames(text)
