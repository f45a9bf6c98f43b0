"""The kinds of starts between which a search chooses. `priors.py` has their shares before any result is known."""

from typing import NamedTuple


class Start(NamedTuple):
    """A kind of start."""

    words: str  # in which results name the origin of a minimum
    symmetric: bool = False  # with the symmetry of a random point group
    learned: bool = False  # moved by the learned optimizer before the quench
    alone: bool = True  # independent of what other chains have found
    surrogate: bool = False  # a low minimum of the surrogate that follows a calculator
    given: bool = False  # from a file, or from another search


STARTS = (
    Start("learned symmetric start", symmetric=True, learned=True),
    Start("learned random start", learned=True),
    Start("symmetric start", symmetric=True),
    Start("random start"),
    Start("cut and splice", alone=False),
    Start("surrogate start", alone=False, surrogate=True),
    Start("given structure", alone=False, given=True),
)
RANDOM, SURROGATE, GIVEN = 3, len(STARTS) - 2, len(STARTS) - 1
