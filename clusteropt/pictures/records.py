"""Records of the pictures: structures with the words beside them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_FAR = 1e100  # whose square is still a number


class Pictured(NamedTuple):
    """A structure in a picture or on a page, and its words."""

    symbols: Sequence[str]  # (n,) X for atoms in reduced units
    positions: np.ndarray  # (n, 3)
    title: str  # as '1. Au38'
    note: str = ""  # as '-130.55 eV, Oh, reached 12 times'

    @property
    def is_drawable(self) -> bool:
        """True where there are atoms, all of them at places whose distances are numbers."""
        return len(self.positions) > 0 and bool((np.abs(self.positions) < _FAR).all())
