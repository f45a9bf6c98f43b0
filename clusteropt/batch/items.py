"""Structures of a batch and their results, as they go from process to process. Light: unpacking them does not load jax."""

from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms


class Item(NamedTuple):
    """One structure of one file, or a file that cannot be read."""

    label: str  # what messages call it
    source: str  # the file, as found
    frame: int  # of the file
    n_atoms: int
    key: str  # a hash of content and settings


class Given(NamedTuple):
    """An item with its structure; without, where there is a problem."""

    item: Item
    atoms: "Atoms | None"
    problem: str = ""
    note: str = ""  # on how it was understood


class Line(NamedTuple):
    """The result of one structure: what `results.jsonl` says of it, and the frame as extended XYZ.

    Where an unexpected error came between there is no result: `failure` says which, and nothing is stored.
    """

    key: str
    record: dict[str, Any]
    frame: str  # empty where the structure could not be used
    failure: str = ""


class Parcel:
    """Structures on their way to another process. Clusters with nothing but atoms go as two long arrays.

    Packing many short ones takes several times as long, on both sides and between.
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
        """The structures, as they were."""
        from ase import Atoms

        found, first = list(self._others), 0
        for k, end, info in zip(self._bare, self._ends, self._infos, strict=True):
            atoms = Atoms(self._numbers[first:end], self._positions[first:end], info=info)
            found[k], first = found[k]._replace(atoms=atoms), end
        return found


def _is_bare(atoms: "Atoms | None") -> TypeGuard["Atoms"]:
    """True for atoms without a box, with no arrays of their own and no more info than the comment holds."""
    return (
        atoms is not None
        and atoms.calc is None
        and not atoms.constraints
        and atoms.arrays.keys() == {"numbers", "positions"}
        and not atoms.pbc.any()
        and not atoms.cell.array.any()
    )
