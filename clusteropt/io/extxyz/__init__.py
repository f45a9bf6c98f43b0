"""Extended XYZ, frame by frame: plain frames fast, all others by ASE, and nothing lost when writing.

A frame is plain where it has symbols and positions and nothing else for its atoms, no cell and no fixed atoms. ASE takes two to
three times as long for it, which is more than its minimization. With ASE's eight decimals a minimum that is read
back has forces of up to 1e-6 again, and fixed atoms have moved.

What ASE's reader could not get back from its own place in a file, whatever was written there, stands in the comment under one
key, `clusteropt_more`: ASE reads a dict there, and `atoms_of` puts everything where it was.
"""

from ase.io.extxyz import XYZError

from clusteropt.io.extxyz.pairs import pair_of
from clusteropt.io.extxyz.reading import Block, UnknownSymbol, atomic_number, atoms_of, blocks
from clusteropt.io.extxyz.writing import is_plain, plain_text, text_of

__all__ = [
    "Block",
    "UnknownSymbol",
    "XYZError",
    "atomic_number",
    "atoms_of",
    "blocks",
    "is_plain",
    "pair_of",
    "plain_text",
    "text_of",
]
