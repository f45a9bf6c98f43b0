"""The kinds of starts and of moves between which a search chooses, with the shares that they have before any result is known."""

from typing import NamedTuple


class Start(NamedTuple):
    """A kind of start."""

    name: str
    words: str  # in which results name the origin of a minimum
    prior: int  # of the blocks of the first round
    symmetric: bool = False  # with the symmetry of a random point group
    learned: bool = False  # moved by the learned optimizer before the quench
    alone: bool = True  # independent of what other chains have found


class Move(NamedTuple):
    """A kind of move from a minimum."""

    name: str
    words: str
    alone: bool = True  # independent of what other chains have found


STARTS = (
    Start("learned-symmetric", "learned symmetric start", 3, symmetric=True, learned=True),
    Start("learned-random", "learned random start", 2, learned=True),
    Start("symmetric", "symmetric start", 2, symmetric=True),
    Start("random", "random start", 1),
    Start("splice", "cut and splice", 0, alone=False),
)
MOVES = (
    Move("displacement", "displacement"),
    Move("learned", "learned hop"),
    Move("surface", "surface move"),
    Move("splice", "cut and splice", alone=False),
)
