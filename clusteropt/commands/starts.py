"""`clusteropt random`: writes random starting structures to a file or to standard output."""

from clusteropt.commands.plans import STDOUT, Outputs
from clusteropt.console import emit_frames, say, warn
from clusteropt.io.extxyz import text_of
from clusteropt.potentials import sets
from clusteropt.runtime.files import check_writable, write_atomically
from clusteropt.search.starts import random_starts
from clusteropt.words import counted


def random(
    formula: str, count: int, seed: int, density: float, potential: str | None, outputs: Outputs, quiet: bool
) -> None:
    """Draws `count` structures and writes them. Raises UsageError where the file exists, or cannot be written."""
    file = None if outputs.out == STDOUT else outputs.out
    if file is not None:
        check_writable(file, outputs.force)
    warn(sets.doubt(potential), quiet)
    text = text_of(random_starts(formula, count, seed, density, potential))
    if file is None:
        emit_frames(text)
        return
    write_atomically(file, text)
    if not quiet:
        say(f"{counted(count, 'structure')} of {formula} written to {file}")
