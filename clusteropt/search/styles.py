"""The styles of chains: how they hop, how long they are patient, how warm they are. One table serves all searches.

A search of a composition learns which styles bring most (`exploration/choice.py`); `exploration/priors.py` has the shares that it
begins with. A search from a given structure has too few chains to learn that: they take the styles by their numbers, in the
shares of its plan.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

MOVES = (
    "displacement",
    "learned hop",
    "surface move",
    "rebuilt surface",
    "cut and splice",
    "exchange",
    "surrogate minimum",
)
DISPLACEMENT, LEARNED, SURFACE, REBUILD, SPLICE, EXCHANGE, SURROGATE = range(len(MOVES))
START = -1  # no move: a chain's first minimum
_COLD = 0.02  # energy scales, the temperature of exchanges
_STRIDE = 5  # at least, between the styles of chains that follow each other, so that all kinds come soon


class Style(NamedTuple):
    """The way in which a chain hops: the parts that each kind of move has among its hops, and the patience to begin with."""

    name: str
    share: int = 1  # its part of the chains, where these take styles by their numbers; 0 leaves it out
    displacement: float = 0.0  # of all atoms; steps of the learned optimizer follow where the plan has some
    surface: float = 0.0
    rebuild: float = 0.0
    splice: float = 0.0
    exchange: float = 0.0
    surrogate: float = 0.0
    patience: int = 8  # hops in vain, before any number is known to be better
    temperature: float = 0.6  # of Metropolis, in energy scales
    meant: int | None = None  # the kind of move that the style is there for; without it the style is left out

    @property
    def moves(self) -> tuple[float, ...]:
        """The part of each of MOVES."""
        return self.displacement, 0.0, self.surface, self.rebuild, self.splice, self.exchange, self.surrogate


STYLES = (
    Style("surface", surface=0.4, rebuild=0.45, displacement=0.15),
    Style("displacement", displacement=1.0, patience=16, temperature=0.8),
    Style("splice", splice=0.35, displacement=0.2, surface=0.1, rebuild=0.15, exchange=0.4, meant=SPLICE),
    Style("exchange", exchange=0.7, displacement=0.15, surface=0.07, rebuild=0.08, meant=EXCHANGE),
    Style("surrogate", surrogate=1.0, meant=SURROGATE),
)
ENDLESS = (Style("displacement", displacement=1.0, patience=10_000, temperature=0.8),)  # plain basin hopping


def possible(n_atoms: np.ndarray, mixed: np.ndarray, splices: bool = False, surrogate: bool = False) -> np.ndarray:
    """(n_moves, ...) bool, True for the kinds of move that make another cluster of one with so many atoms.

    n_atoms and mixed (...): whether the atoms that may move are of several elements. `splices`: there are others to splice with.
    `surrogate`: there is one.
    """
    able = np.ones((len(MOVES), *np.shape(n_atoms)), bool)
    able[SURFACE] = np.asarray(n_atoms) > 3
    able[SPLICE] = splices & able[SURFACE]
    able[REBUILD] = np.asarray(n_atoms) > 4
    able[EXCHANGE] = mixed
    able[SURROGATE] = surrogate
    return able


def parts(styles: Sequence[Style], able: np.ndarray) -> np.ndarray:
    """(n_styles, n_moves) the part of each kind of move in each style, without moves that are not `able` (n_moves,)."""
    return np.array([style.moves for style in styles]) * able


def usable(styles: Sequence[Style], able: np.ndarray) -> np.ndarray:
    """The indices of the styles with a share that have hops left, among them those for which the style is there."""
    meant = np.array([style.share > 0 and (style.meant is None or able[style.meant]) for style in styles])
    return np.flatnonzero(meant & (parts(styles, able).max(1) > 0))


def by_number(styles: Sequence[Style], able: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The styles (n_chains,) of chains with these numbers (n_chains,), in their shares."""
    own = np.array([style for style in usable(styles, able) for _ in range(styles[style].share)])
    stride = next(k for k in range(_STRIDE, _STRIDE + len(own) + 1) if math.gcd(k, len(own)) == 1)
    return own[numbers * stride % len(own)]


def chosen_moves(styles: Sequence[Style], own: np.ndarray, able: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The kinds of move (n_chains,) of the next hops of chains of the styles `own` (n_chains,), by draws (n_chains,) in [0, 1).

    able (n_moves, n_chains): the moves that are possible.
    """
    shares = np.array([style.moves for style in styles])[own] * able.T
    edges = np.cumsum(shares / shares.sum(1, keepdims=True), 1)
    return (draws[:, None] >= edges[:, :-1]).sum(1)


def temperatures(styles: Sequence[Style], own: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """(n_chains,) of Metropolis, in energy scales. Orders of an alloy lie closer together than structures do."""
    return np.where(moves == EXCHANGE, _COLD, np.array([style.temperature for style in styles])[own])
