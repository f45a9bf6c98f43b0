"""Reads and writes extended XYZ frame by frame: plain frames by fast code, others by ASE. Writing loses nothing.

A frame is plain where its atoms have only symbols and positions, without a cell and without fixed atoms. ASE takes two to three
times as long for it, more than the minimization. Numbers are written with all digits. ASE writes eight decimals, and then a
minimum that is read back has forces of up to 1e-6, and fixed atoms have moved.

ASE's reader cannot restore some entries from their usual place in a file. They stand in the comment under the key
`clusteropt_more`, which ASE reads as a dict. `atoms_of` moves them back to their place.
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
