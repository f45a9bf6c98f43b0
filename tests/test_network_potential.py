"""The network potential: laws that every potential keeps, its cutoff, its core, and its file."""

from itertools import pairwise
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest
from helpers import Case, Values, slopes, structure, value, values
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from clusteropt.errors import InputError, UsageError
from clusteropt.optimizers.learned import weights
from clusteropt.potentials import fitted, sets
from clusteropt.potentials.base import CORE
from clusteropt.potentials.fitted import Fit
from clusteropt.potentials.parameter_files import read
from clusteropt.potentials.symmetry_functions import Counts, members
from clusteropt.runtime import resources

seeds = st.integers(0, 2**32 - 1)
CUTOFF, CLOSEST = 2.6, 0.8


def random_fit(elements: tuple[str, ...], seed: int = 0, widths: tuple[int, ...] = (6, 5), length: float = 1.0) -> Fit:
    """A network with random weights; it is no physics, but obeys the laws."""
    rng, n = np.random.default_rng(seed), len(elements)
    counts = Counts(n, 3, 2)
    tables = {
        "radial": np.log(length) + np.linspace(np.log(0.75), np.log(2.3), counts.radial),
        "angular": np.arange(counts.angular, dtype=float),
        "closest": np.array(CLOSEST * length),
        "farthest": np.array(2.5 * length),
        "cutoff": np.array(CUTOFF * length),
        "repulsion": np.array(500.0),
        "offset": rng.normal(size=n),
        "pair": rng.normal(size=(n, n * counts.radial)),
    }
    sizes = (len(members(counts)), *widths, 1)
    for k, (width, out) in enumerate(pairwise(sizes)):
        tables[f"matrix {k}"] = rng.normal(size=(n, out, width)) / width
        tables[f"biases {k}"] = rng.normal(size=(n, out))
    return Fit(tables, elements, length, 1.0, card={"structures": 3})


def case(*elements: str) -> Case:
    return Case(random_fit(elements).as_set("random"), elements)


CASES = {"one": case("Au"), "two": case("Ag", "Au")}
CASES["periodic"] = CASES["two"]._replace(cell=2.05 * CUTOFF * np.eye(3))
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
every_cluster = pytest.mark.parametrize("name", ["one", "two"])


def same(one: Values, other: Values, tolerance: float = 1e-11) -> bool:
    scale = np.abs(one.gradient).max() + np.abs(one.energies).max()
    return bool(
        np.abs(one.energies - other.energies).max() <= tolerance * scale
        and np.abs(one.gradient - other.gradient).max() <= tolerance * scale
    )


@every_case
@settings(max_examples=15)
@given(seed=seeds)
def test_the_gradient_is_the_slope_of_the_energy(case: Case, seed: int) -> None:
    for core, closest in ((0.0, CLOSEST), (0.0, 0.3), (CORE, 0.3)):
        at, how = case.random(seed, closest=closest), {"core": core, "quick": core > 0}
        gradient = value(case.potential, at, **how).gradient
        assert np.abs(slopes(case, at, **how) - gradient).max() < 1e-6 * (np.abs(gradient).max() + 1)


@every_cluster
@given(seed=seeds)
def test_turned_mirrored_shifted_and_renumbered_clusters_are_the_same(name: str, seed: int) -> None:
    case, rng = CASES[name], np.random.default_rng(seed)
    at, turn, order = case.random(seed), Rotation.random(rng=rng).as_matrix(), rng.permutation(7)
    turn *= rng.choice([-1, 1])
    other = structure((at.positions @ turn.T)[order] + rng.normal(size=3), at.species[order])
    first, second = values(case.potential, [at, other])
    assert same(second, Values(first.energies[order], (first.gradient @ turn.T)[order]))


@every_case
@given(seed=seeds)
def test_company_and_padding_change_nothing(case: Case, seed: int) -> None:
    at, others = case.random(seed), [case.random(seed + k, n=3 + k % 5) for k in range(1, 8)]
    alone, among = value(case.potential, at), values(case.potential, [*others, at])[-1]
    assert np.array_equal(alone.energies, among.energies)
    assert np.array_equal(alone.gradient, among.gradient)
    assert same(alone, value(case.potential, at, size=11, lanes=16, quick=True))


@every_cluster
def test_energy_and_force_fade_smoothly_at_the_cutoff(name: str) -> None:
    case = CASES[name]
    apart = CUTOFF + np.array([-1e-1, -1e-2, -1e-3, 0.0, 1e-3, 1.0])
    pairs = [structure(np.array([[0, 0, 0], [r, 0, 0]]), [0, len(case.elements) - 1]) for r in apart]
    found = values(case.potential, pairs)
    off = np.array([abs(v.energy - found[-1].energy) for v in found])
    pull = np.array([abs(v.gradient).max() for v in found])
    assert (off[3:] < 1e-14).all()
    assert (pull[3:] < 1e-14).all()
    assert off[1] / off[0] < 1.5e-3  # as the third power of the distance from the cutoff
    assert off[2] / off[1] < 1.5e-3
    assert pull[1] / pull[0] < 1.5e-2


def test_below_the_shortest_distance_seen_energy_force_and_curvature_have_no_jump() -> None:
    case, at = CASES["one"], CLOSEST
    r = at + 1e-5 * np.arange(-4, 5)
    pairs = [structure(np.array([[0, 0, 0], [d, 0, 0], [0, 1.1, 0]])) for d in r]
    force = np.array([v.gradient[1, 0] for v in values(case.potential, pairs)])
    steps = np.diff(force)
    assert np.abs(np.diff(steps)).max() < 0.02 * np.abs(steps).max()


@every_cluster
def test_atoms_cannot_collapse(name: str) -> None:
    """Ever closer atoms have ever higher energies, and finite ones, whatever the weights."""
    case = CASES[name]
    at = case.random(3).positions
    shrunk = [structure(at * s, case.random(3).species) for s in (0.4, 0.2, 0.1, 0.01)]
    energies = [v.energy for v in values(case.potential, shrunk)]
    assert (np.diff(energies) > 0).all()
    assert np.isfinite(energies).all()
    assert np.isfinite(values(case.potential, shrunk, dtype=np.float32, core=CORE, quick=True)[-1].gradient).all()


def test_single_precision_agrees_with_double() -> None:
    for case in (CASES["one"], CASES["two"]):
        at = [case.random(k) for k in range(4)]
        single = values(case.potential, at, dtype=np.float32, quick=True)
        assert all(same(one, two, 1e-4) for one, two in zip(values(case.potential, at), single, strict=True))


def test_a_set_for_some_of_the_elements_gives_the_same_energies() -> None:
    both, alone = CASES["two"], Case(CASES["two"].chosen, ("Au",))
    at = alone.random(1)
    assert same(value(both.potential, at._replace(species=at.species + 1)), value(alone.potential, at))


def test_other_weights_of_the_same_shape_need_no_new_program() -> None:
    at = CASES["one"].random(0)
    count = jax.jit(lambda potential, x: potential.parameters["offset"].sum() + x.sum())
    for seed in (1, 2):
        count(random_fit(("Au",), seed).as_set("random").potential(("Au",)), at.positions)
    assert count._cache_size() == 1


def test_the_file_holds_the_fit(tmp_path: Path) -> None:
    path, fit = tmp_path / "own.h5", random_fit(("Ag", "Au"))
    fitted.save(path, fit)
    back = fitted.load(path)
    assert back.elements == fit.elements
    assert back.card == fit.card
    assert all(np.array_equal(back.tables[name], fit.tables[name]) for name in fit.tables)
    at = CASES["two"].random(0)
    potential = sets.potential_for(("Ag", "Au"), str(path))
    assert potential.name == "own"
    assert same(value(potential, at), value(CASES["two"].potential, at), 0)
    assert '"structures": 3' in sets.text_of(str(path))
    with pytest.raises(UsageError, match=r"no parameters for Cu.*knows Ag, Ag-Au, Au"):
        sets.potential_for(("Cu",), str(path))


def test_two_fits_that_differ_in_one_number_have_other_names_for_a_batch(tmp_path: Path) -> None:
    one, other = random_fit(("Au",)), random_fit(("Au",))
    other.tables["matrix 1"][0, 0, 0] += 1e-9
    assert repr(one.as_set("a").options) != repr(other.as_set("a").options)


def test_damaged_foreign_and_misplaced_files_are_refused_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "own.h5"
    fitted.save(path, random_fit(("Au",)))
    with pytest.raises(InputError, match=r"a fitted potential, no learned optimizer: give it to --potential"):
        weights.load(path)
    with pytest.raises(InputError, match="a learned optimizer: give it to --optimizer"):
        read(resources.shipped("pretrained") / "learned.h5")
    with h5py.File(path, "a") as file:
        file["tables/offset"][0] += 1
    with pytest.raises(InputError, match="checksum does not match"):
        read(path)
    with h5py.File(path, "a") as file:
        file.attrs["format"] = 99
    with pytest.raises(InputError, match=r"format 99 is not known, only 1: use the clusteropt that wrote it"):
        read(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        read(path)


def test_a_toml_file_cannot_have_this_form(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'form = "network"\nelements = ["Au"]\nunits = {energy = "eV", length = "angstrom"}\nsource = "a test"\n'
        "[pairs.Au-Au]\n"
    )
    with pytest.raises(InputError, match=r"are in \.h5 files"):
        read(path)
