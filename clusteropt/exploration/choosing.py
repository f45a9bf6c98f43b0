"""Kinds of start and styles of new chains, chosen block by block."""

from typing import NamedTuple

import numpy as np

from clusteropt.exploration import choice, priors, usable
from clusteropt.exploration.composition import Kit
from clusteropt.exploration.kinds import STARTS, SURROGATE
from clusteropt.exploration.seats import BLOCK

_FLOOR = 0.05  # part of all cost that each kind of start gets at least
_SURE, _SURELY = 0.1, 5  # more of it, in proportion, until so many chains have come to the lowest minimum
_DEPENDENT = (0.03, 0.3)  # parts of all cost, at least and at most, of starts that take from other chains
_STYLE = 0.06  # part of all cost that each style gets at least
_TOGETHER = 8  # chains that get a style together
_STEP = 20  # a choice counts as a part of one in so many of all cost, so that the next ones of the round are others


class Standing(NamedTuple):
    """How far an exploration is when chains begin."""

    rule: choice.Rule
    by_start: np.ndarray  # (n_kinds,) what the chains of each kind of start have cost
    by_style: np.ndarray  # (n_styles,) what the chains of each style have cost
    n_best: int  # chains that have come to the lowest minimum alone
    n_minima: int  # chains in their seats that have come to a minimum


def first(kit: Kit, at: int, n_new: int, block: int = BLOCK) -> tuple[np.ndarray, np.ndarray]:
    """Kinds of start and styles (n_chains,) of `n_new` blocks of the first ones, from the block `at`, in prior shares.

    A `block` is so many chains.
    """
    hosted = kit.composition.problem.hosted
    prior, end = priors.shares(kit.composition.potential.directional, hosted), at + n_new
    kinds, styles = usable.starts(kit, 0), usable.styles(kit)
    begins = kinds[priors.dealt(prior.starts[kinds], end, not hosted)[at:]]
    return np.repeat(begins, block), styles[priors.dealt(prior.styles[styles], end * block, not hosted)[at * block :]]


def chosen(
    kit: Kit, rng: np.random.Generator, standing: Standing, n_blocks: int, block: int
) -> tuple[np.ndarray, np.ndarray]:
    """Kinds of start and styles (n_chains,) of `n_blocks` of so many new chains, by what was brought so far."""
    kinds, styles = usable.starts(kit, standing.n_minima), usable.styles(kit)
    bounds = _bounds(kinds, standing.n_best)
    begins = _drawn(rng, n_blocks, standing.rule.starts, standing.by_start, kinds, bounds)
    bounds = np.full(len(styles), _STYLE), np.ones(len(styles))
    together = min(block, _TOGETHER)
    n_groups = n_blocks * block // together
    hops = _drawn(rng, n_groups, standing.rule.styles, standing.by_style, styles, bounds)
    return _repeated(begins, block), rng.permutation(_repeated(hops, together))


def _repeated(kinds: list[int], n: int) -> np.ndarray:
    return np.repeat(np.array(kinds, int), n)


def _bounds(kinds: np.ndarray, n_best: int) -> tuple[np.ndarray, np.ndarray]:
    """Floors and ceilings (n_kinds,) of kinds of start: the surer the lowest minimum is, the more evenly all are tried."""
    alone = np.array([STARTS[kind].alone for kind in kinds])
    floor = _FLOOR + _SURE * min(1, n_best / _SURELY)
    free = alone | (kinds == SURROGATE)
    return np.where(alone, floor, _DEPENDENT[0]), np.where(free, 1, _DEPENDENT[1])


def _drawn(
    rng: np.random.Generator,
    n: int,
    gain: choice.Gain,
    spent: np.ndarray,
    own: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
) -> list[int]:
    """`n` of the kinds `own`, one after the other, within floors and ceilings (as `own`)."""
    gain, spent, out = choice.Gain(gain.successes[own], gain.costs[own]), spent[own].copy(), []
    for _ in range(n):
        k = choice.drawn(rng, gain, spent, *bounds)
        spent[k] += max(spent.sum() / _STEP, 1)
        out.append(int(own[k]))
    return out
