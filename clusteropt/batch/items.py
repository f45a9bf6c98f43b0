"""Structures of a batch and their results, as processes exchange them. Unpacking them does not load jax."""

from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms


class Item(NamedTuple):
    """One structure of one file, or a file that cannot be read."""

    label: str  # the name in messages
    source: str  # the name of the file
    frame: int  # its index in the file
    n_atoms: int
    key: str  # a hash of content and settings


class Given(NamedTuple):
    """An item with its structure, or with the problem that made it unreadable."""

    item: Item
    atoms: "Atoms | None"
    problem: str = ""
    note: str = ""  # on how its labels and box were understood


class Line(NamedTuple):
    """The result of one structure: its record in `results.jsonl`, and its minimum as extended XYZ.

    After an unexpected error there is no result: `failure` holds the error, and nothing is stored.
    """

    key: str
    record: dict[str, Any]
    frame: str  # empty for an unusable structure
    failure: str = ""


class Parcel:
    """Structures packed for another process. All bare clusters together travel as two long arrays.

    Many short arrays would take several times as long to pack, send and unpack.
    """

    def __init__(self, given: list[Given]) -> None:
        frames = [one.atoms for one in given if _is_bare(one.atoms)]
        self._others = [one._replace(atoms=None) if _is_bare(one.atoms) else one for one in given]
        self._bare = [k for k, one in enumerate(given) if _is_bare(one.atoms)]
        self._ends = np.cumsum([len(atoms) for atoms in frames]).tolist()
        self._numbers = np.concatenate([np.zeros(0, int), *(atoms.numbers for atoms in frames)])
        self._positions = np.concatenate([np.zeros((0, 3)), *(atoms.positions for atoms in frames)])
        self._infos = [atoms.info for atoms in frames]

    @property
    def given(self) -> list[Given]:
        """The unpacked structures, in their order."""
        from ase import Atoms

        found, first = list(self._others), 0
        for k, end, info in zip(self._bare, self._ends, self._infos, strict=True):
            atoms = Atoms(self._numbers[first:end], self._positions[first:end], info=info)
            found[k], first = found[k]._replace(atoms=atoms), end
        return found


def _is_bare(atoms: "Atoms | None") -> TypeGuard["Atoms"]:
    """True for atoms that have only symbols, positions and info: no cell, calculator, constraints or other arrays."""
    return (
        atoms is not None
        and atoms.calc is None
        and not atoms.constraints
        and atoms.arrays.keys() == {"numbers", "positions"}
        and not atoms.pbc.any()
        and not atoms.cell.array.any()
    )
