"""The kinds of starts and of styles between which a search chooses, with the shares that they have before any result is known."""

from typing import NamedTuple

MOVES = ("displacement", "learned hop", "surface move", "rebuilt surface", "cut and splice", "exchange")
DISPLACEMENT, LEARNED, SURFACE, REBUILD, SPLICE, EXCHANGE = range(len(MOVES))


class Start(NamedTuple):
    """A kind of start."""

    words: str  # in which results name the origin of a minimum
    prior: int  # its part of the first chains
    symmetric: bool = False  # with the symmetry of a random point group
    learned: bool = False  # moved by the learned optimizer before the quench
    alone: bool = True  # independent of what other chains have found
    given: bool = False  # from a file, or from another search


class Style(NamedTuple):
    """The way in which a chain hops: the parts that each kind of move has among its hops, and the patience to begin with."""

    name: str
    prior: int  # its part of the first chains
    directional: int  # the same where bonds have directions, as in silicon: an atom's place follows from more than its neighbours
    displacement: float = 0.0
    learned: float = 0.0
    surface: float = 0.0
    rebuild: float = 0.0
    splice: float = 0.0
    exchange: float = 0.0
    patience: int = 8  # hops in vain, before any number is known to be better
    temperature: float = 0.6  # of Metropolis, in energy scales
    meant: int | None = None  # the kind of move that the style is there for; without it the style is left out

    @property
    def moves(self) -> tuple[float, ...]:
        """The part of each of MOVES."""
        return self.displacement, self.learned, self.surface, self.rebuild, self.splice, self.exchange


STARTS = (
    Start("learned symmetric start", 3, symmetric=True, learned=True),
    Start("learned random start", 2, learned=True),
    Start("symmetric start", 2, symmetric=True),
    Start("random start", 1),
    Start("cut and splice", 0, alone=False),
    Start("given structure", 0, alone=False, given=True),
)
GIVEN = len(STARTS) - 1
STYLES = (
    Style("surface", 5, 1, surface=0.4, rebuild=0.45, displacement=0.15),
    Style("displacement", 2, 6, displacement=1.0, patience=16, temperature=0.8),
    Style("splice", 1, 1, splice=0.35, displacement=0.2, surface=0.1, rebuild=0.15, exchange=0.4, meant=SPLICE),
    Style("exchange", 4, 4, exchange=0.7, displacement=0.15, surface=0.07, rebuild=0.08, meant=EXCHANGE),
)
