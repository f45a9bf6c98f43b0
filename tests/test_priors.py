"""The laws of the shares with which a search begins, and of their fit."""

import numpy as np
import pytest
from benchmarks import priors as fitting
from hypothesis import given
from hypothesis import strategies as st
from minima import SYMBOLS

from clusteropt.exploration import choosing, priors
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.kinds import STARTS
from clusteropt.exploration.seats import BLOCK, N_SEATS
from clusteropt.optimizers.learned.weights import named
from clusteropt.potentials import sets
from clusteropt.runtime import host
from clusteropt.search.styles import STYLES

seeds = st.integers(0, 2**32 - 1)
FIRST = N_SEATS // BLOCK
LJ7 = Composition(SYMBOLS, sets.load("lj").potential(("X",)))
CASES = {
    "LJ7": LJ7,
    "Si7": Composition(("Si",) * 7, sets.potential_for(("Si",))),
    "Ag4Cu3": Composition(("Ag",) * 4 + ("Cu",) * 3, sets.potential_for(("Ag", "Cu"))),
}


@pytest.mark.parametrize("directional", [True, False])
def test_the_shares_name_every_kind_that_a_search_can_begin_with_and_sum_to_1(directional):
    own = priors.table()[priors.group(directional)]
    assert {*own["starts"]} == {start.words for start in STARTS if start.alone}
    assert {*own["styles"]} == {style.name for style in STYLES if not style.surrogate}
    assert {*priors.table()} - {"record"} == {priors.group(group) for group in (True, False)}
    for shares in priors.shares(directional):
        assert shares.sum() == pytest.approx(1, abs=1e-3)
        assert (shares >= 0).all()


@given(seeds, st.integers(1, 6), st.integers(0, 500))
def test_kinds_are_dealt_in_their_shares_from_any_place_on(seed, n_kinds, at):
    shares = np.random.default_rng(seed).dirichlet(np.full(n_kinds, 3.0))
    own = priors.dealt(shares, at + 64)
    assert (own[:at] == priors.dealt(shares, at)).all()
    assert own[:n_kinds].tolist() == np.argsort(-shares).tolist(), "each once, the likeliest first"
    later = np.bincount(own[at + n_kinds :], minlength=n_kinds)
    assert abs(later - shares * later.sum()).max() < 1.5 + n_kinds / 2


@pytest.mark.parametrize("name", CASES)
def test_the_first_chains_are_dealt_in_the_shipped_shares(name):
    kit = Kit(CASES[name], named("learned"))
    prior = priors.shares(kit.composition.potential.directional)
    portions = [choosing.first(kit, at, 2) for at in range(0, FIRST, 2)]
    starts, styles = (np.concatenate(parts).reshape(FIRST, BLOCK) for parts in zip(*portions, strict=True))
    assert (starts == starts[:, :1]).all()
    assert {*starts[:2, 0].tolist()} == {*np.argsort(-prior.starts, kind="stable")[:2].tolist()}
    assert abs(np.bincount(starts[:, 0], minlength=len(STARTS)) - FIRST * prior.starts).max() < 2, "but each once"
    have = np.array([style.name != "exchange" or kit.composition.n_species > 1 for style in STYLES])
    shares = prior.styles * have / (prior.styles * have).sum()
    for block in styles:
        assert abs(np.bincount(block, minlength=len(STYLES)) - BLOCK * shares).max() < 2.5


def test_the_fit_of_systems_that_one_kind_each_solves_is_how_many_there_are():
    rate = np.repeat(np.eye(3), [5, 4, 1], 0) * np.geomspace(1e-6, 1, 10)[:, None]
    assert fitting.fitted(rate) == pytest.approx([0.5, 0.4, 0.1])


@given(seeds, st.integers(1, 8), st.integers(2, 5))
def test_no_other_shares_have_a_lower_cost_of_a_hit(seed, n_systems, n_kinds):
    rng = np.random.default_rng(seed)
    rate = rng.lognormal(size=(n_systems, n_kinds))
    least = fitting.per_hit(fitting.fitted(rate, 2000), rate)
    assert least <= 1.001 * min(fitting.per_hit(other, rate) for other in rng.dirichlet(np.ones(n_kinds), 200))


def test_a_kind_that_some_systems_lack_is_fitted_on_the_others():
    rate = np.array([[1.0, 2, 0], [2, 1, 0], [1, 1, 100]])
    shares = fitting.by_steps(rate)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx(shares[1])
    assert shares[2] == pytest.approx(1 - 2 * fitting.FLOOR)
    assert fitting.by_steps(np.where(rate > 50, 0.01, rate))[2] == pytest.approx(fitting.FLOOR)


def test_shares_of_cost_become_shares_of_chains():
    own = fitting.Table(np.full((4, 2), 100.0), np.tile([1000.0, 3000.0], (4, 1)), np.tile([10.0, 30.0], (4, 1)))
    done = fitting.fit_of(own, np.array([0.5, 0.5]))
    assert fitting.rates(own) == pytest.approx(0.01)
    assert done.shares == pytest.approx([0.75, 0.25])
    assert done.before == done.after == pytest.approx(100)


def test_an_even_exploration_begins_as_many_chains_of_every_kind():
    kit = Kit(LJ7, named("learned"))
    with host.double_precision():
        own = fitting.lived(kit, -16.505384, seconds=1.0)
    chains = np.zeros((len(STARTS), len(STYLES)))
    for cell in own.kinds.values():
        chains[cell] += 1
    begun = chains[:4, :3]
    assert chains.sum() == begun.sum() == len(own.costs) == 1 + max(own.kinds)
    assert abs(begun - begun.mean()).max() <= BLOCK
    assert min(own.costs.values()) > 0
    assert len(own.hits) > 0.2 * len(own.kinds)
