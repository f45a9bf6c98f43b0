"""The shares that kinds of start and styles have among the first chains, before any result is known: `pretrained/priors.toml`."""

import tomllib
from functools import cache
from typing import NamedTuple

import numpy as np

from clusteropt.exploration.kinds import RANDOM, STARTS, SURROGATE
from clusteropt.runtime import resources
from clusteropt.search.styles import STYLES

# Where a calculator makes evaluations dear: parts of the first chains that start from its surrogate, and that go on with it. The
# others hop from random starts as plain basin hopping does, which asks nothing of a potential. One of the first two does so:
# surrogates know nothing of a system before the first values, and basin hopping shows them other structures.
_STARTS, _STYLES = 0.9, 0.6


class Shares(NamedTuple):
    """Parts of the first chains; each sums to 1."""

    starts: np.ndarray  # (n_starts,), 0 for those that need other chains or a given structure
    styles: np.ndarray  # (n_styles,)


def group(directional: bool) -> str:
    """The part of the file for potentials whose bonds have directions, as in silicon, or for the others."""
    return "directional" if directional else "other"


@cache
def table() -> dict[str, dict]:
    """The shipped file."""
    return tomllib.loads((resources.shipped("pretrained") / "priors.toml").read_text(encoding="utf-8"))


@cache
def shares(directional: bool, hosted: bool = False) -> Shares:
    """The shipped shares; `hosted`: those of a search by a calculator."""
    if hosted:
        by_start = {STARTS[SURROGATE].words: _STARTS, STARTS[RANDOM].words: 1 - _STARTS}
        by_style = {"surrogate": _STYLES, "displacement": 1 - _STYLES}
    else:
        own = table()[group(directional)]
        by_start, by_style = {one.words: own["starts"][one.words] for one in STARTS if one.alone}, own["styles"]
    return Shares(
        np.array([by_start.get(start.words, 0.0) for start in STARTS]),
        np.array([by_style.get(style.name, 0.0) for style in STYLES]),
    )


def dealt(shares: np.ndarray, n: int, each: bool = True) -> np.ndarray:
    """The first `n` of a sequence of kinds in these shares (n_kinds,): each once, the likeliest first, then in proportion.

    The next kind has the largest share over sqrt(m (m + 1)), m the number that it has: the method of equal proportions (E. V.
    Huntington, Trans. Am. Math. Soc. 30, 85 (1928), doi:10.1090/S0002-9947-1928-1501423-0). Unless `each` has its turn at first,
    the share is divided by m + 1/2, the method of major fractions there.
    """
    counts, out = np.zeros(len(shares)), np.zeros(n, int)
    for i in range(n):
        usual = shares / np.sqrt(np.maximum(counts * (counts + 1), 1))
        urgent = np.where(counts > 0, usual, np.inf) if each else shares / (counts + 0.5)
        out[i] = np.lexsort((-shares, -urgent))[0]
        counts[out[i]] += 1
    return out
