"""The kinds of starts between which a search chooses, with the shares that they have before any result is known."""

from typing import NamedTuple


class Start(NamedTuple):
    """A kind of start."""

    words: str  # in which results name the origin of a minimum
    prior: int  # its part of the first chains
    symmetric: bool = False  # with the symmetry of a random point group
    learned: bool = False  # moved by the learned optimizer before the quench
    alone: bool = True  # independent of what other chains have found
    given: bool = False  # from a file, or from another search


STARTS = (
    Start("learned symmetric start", 3, symmetric=True, learned=True),
    Start("learned random start", 2, learned=True),
    Start("symmetric start", 2, symmetric=True),
    Start("random start", 1),
    Start("cut and splice", 0, alone=False),
    Start("given structure", 0, alone=False, given=True),
)
GIVEN = len(STARTS) - 1
