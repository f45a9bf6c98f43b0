"""The choice of starts, styles and patience by what they bring for their cost.

A chain succeeds when its lowest minimum is among the lowest of all chains. The rate of a kind is its successes over its cost. For
each style and rank of the first minimum, the patience is the one that makes the rate largest, with the best rate as the price of
cost: fractional programming (W. Dinkelbach, Manage. Sci. 13, 492 (1967), doi:10.1287/mnsc.13.7.492). Among kinds, a draw from the
distribution of each one's rate decides, within bounds of their parts of the cost (W. R. Thompson, Biometrika 25, 285 (1933),
doi:10.1093/biomet/25.3-4.285).
"""

from typing import NamedTuple

import numpy as np

from clusteropt.exploration.kinds import STARTS, STYLES
from clusteropt.exploration.records import N_RANKS, PATIENCES, Records

_FEW = 64  # ended chains, below which nothing is known
_ENOUGH = 6  # chains that tell about a patience
_WEIGHT = 4.0  # chains, by which the average over all styles counts among those of a style
_TOP, _LEAST, _MOST = 0.02, 6, 16  # chains that succeed: a fraction of all, at least, at most
_TURNS = 20  # of Dinkelbach's iteration
_USUAL = np.array([style.patience for style in STYLES])
_PARTS = np.array([1 / 16, 3 / 16, 1 / 4, 1 / 2])  # of the ranks


class Gain(NamedTuple):
    """What some kinds have brought."""

    successes: np.ndarray  # (n_kinds,)
    costs: np.ndarray  # (n_kinds,)


class Rule(NamedTuple):
    """The patience by style and rank, and what styles and kinds of starts bring."""

    patience: np.ndarray  # (n_styles, n_ranks) int
    styles: Gain  # by that patience
    starts: Gain


def threshold(energies: np.ndarray) -> float:
    """The energy at or below which a chain succeeds, of the lowest `energies` (n_chains,) of all chains."""
    n = int(np.clip(_TOP * len(energies), _LEAST, _MOST))
    return float(np.partition(energies, n - 1)[n - 1]) if len(energies) >= n else np.inf


def rule(records: Records, ceiling: float) -> Rule:
    """The rule that the records speak for; chains that end at or below `ceiling` have succeeded."""
    success = records.ends <= ceiling
    starts = Gain(*(np.bincount(records.kinds, values, len(STARTS)) for values in (success, records.spent)))
    if len(records.kinds) < _FEW:
        nothing = np.zeros(len(STYLES))
        return Rule(np.repeat(_USUAL[:, None], N_RANKS, 1), Gain(nothing, nothing), starts)
    known = np.isfinite(records.costs)
    n, s, c = (
        _sums(records, values)
        for values in (known, known & (records.lowest <= ceiling), np.where(known, records.costs, 0))
    )
    index = _patience(n, s, c)
    chosen = Gain(*(np.take_along_axis(values, index[..., None], 2)[..., 0].sum(1) for values in (s, c)))
    untried = ~(n.sum(1) >= _ENOUGH)[np.arange(len(STYLES)), np.searchsorted(PATIENCES, _USUAL)]
    return Rule(np.where(untried[:, None], _USUAL[:, None], PATIENCES[index]), chosen, starts)


def _sums(records: Records, values: np.ndarray) -> np.ndarray:
    """(n_styles, n_ranks, n_patiences), the sums of values (n_patiences, n) over the chains of a style and rank."""
    out = np.zeros((len(STYLES) * N_RANKS, len(PATIENCES)))
    np.add.at(out, records.styles * N_RANKS + records.ranks, values.T)
    return out.reshape(len(STYLES), N_RANKS, -1)


def _patience(n: np.ndarray, s: np.ndarray, c: np.ndarray) -> np.ndarray:
    """(n_styles, n_ranks) the index of the best patience; counts, successes and costs (n_styles, n_ranks, n_patiences)."""
    whole = n.sum(0)
    enough, safe = whole >= _ENOUGH, np.maximum(whole, 1)
    s, c = ((values + _WEIGHT * values.sum(0) / safe) / (n + _WEIGHT) for values in (s, c))
    weights = n[:, :, 0] + _PARTS
    best = max(_price(*one, enough) for one in zip(s, c, weights, strict=True))
    return _best(s, c, best, enough)


def _best(s: np.ndarray, c: np.ndarray, price: float, enough: np.ndarray) -> np.ndarray:
    """(..., n_ranks) the index of the patience with the largest gain at that price of cost."""
    return np.asarray(np.where(enough, s - price * c, -np.inf).argmax(-1))


def _price(s: np.ndarray, c: np.ndarray, weights: np.ndarray, enough: np.ndarray) -> float:
    """The largest ratio of successes to cost that patience by rank can bring; s, c (n_ranks, n_patiences)."""
    price = 0.0
    for _ in range(_TURNS):
        index = _best(s, c, price, enough)[:, None]
        won, paid = (float((weights * np.take_along_axis(a, index, 1)[:, 0]).sum()) for a in (s, c))
        if won <= price * paid:
            break
        price = won / paid
    return price


def drawn(rng: np.random.Generator, gain: Gain, spent: np.ndarray, floors: np.ndarray, ceilings: np.ndarray) -> int:
    """One of some kinds by their gain.

    floors and ceilings (n_kinds,) bound the parts of what was `spent`: the kind farthest below its floor comes first, and kinds
    above their ceilings do not come.
    """
    shares = spent / max(spent.sum(), 1e-300)
    if (shares < floors).any():
        return int((shares - floors).argmin())
    usual = (gain.costs.sum() + 1) / (gain.successes.sum() + 1)
    rates = rng.gamma(gain.successes + 1) / (gain.costs + usual)
    return int(np.where(shares > ceilings, -1, rates).argmax())
