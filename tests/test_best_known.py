"""The table of best-known minima: complete, in order, and made of energies that structures really have."""

import csv
from pathlib import Path

import numpy as np
import oracles
import pytest
from ase import Atoms
from ase.cluster import Decahedron, Icosahedron, Octahedron
from ase.formula import Formula
from ase.io import read
from helpers import CASES, LARGE, relaxed, structure

import clusteropt
from clusteropt.clusters.arrays import padded_size
from clusteropt.io.best_known import best_known, full_formula, table_energy
from clusteropt.potentials import sets
from clusteropt.runtime.resources import shipped
from clusteropt.search.starts import random_starts

EXAMPLES = Path(__file__).parents[1] / "docs/examples"
R_MIN = 2 ** (1 / 6)
METALS = ("Ni", "Cu", "Rh", "Pd", "Ag", "Ir", "Pt", "Au", "Al", "Pb")
TEXT = (shipped("potentials") / "best_known.csv").read_text(encoding="utf-8")
ROWS = list(csv.DictReader(line for line in TEXT.splitlines() if not line.startswith("#")))
BIPYRAMID = np.array([[0, 0, 1], [0, 0, -1], *[[np.cos(a), np.sin(a), 0] for a in np.arange(5) * 0.4 * np.pi]]) * 0.9


def bonded(positions: np.ndarray, distance: float = 1.0) -> np.ndarray:
    """Scaled to that shortest distance."""
    return positions * distance / min(np.linalg.norm(p - q) for i, p in enumerate(positions) for q in positions[:i])


def lj(n: int) -> float:
    known = table_energy("lj", ["X"] * n)
    assert known is not None
    return known


def test_the_table_has_every_lennard_jones_cluster_to_150() -> None:
    """The Cambridge Cluster Database lists them all, to six decimals."""
    sizes = [int(r["formula"][1:]) for r in ROWS if r["potential"] == "lj" and r["source"] == "CCD"]
    assert sizes == list(range(2, 151))
    assert all(len(r["energy"].split(".")[1]) == 6 for r in ROWS)


def test_the_table_has_every_morse_cluster_to_80_at_rho_6_and_to_25_at_rho_14() -> None:
    sizes = {rho: [int(r["formula"][1:]) for r in ROWS if r["potential"] == f"morse-rho{rho}"] for rho in (6, 14)}
    assert sizes == {6: list(range(2, 81)), 14: [*range(2, 26), 38, 55, 75]}


def test_well_known_energies_are_in_the_table() -> None:
    """The Cambridge Cluster Database; those that are no icosahedra among them."""
    assert [lj(n) for n in (2, 13, 31, 55, 150)] == [-1, -44.326801, -133.586422, -279.248470, -893.310258]
    assert [lj(n) for n in (38, 75, 98, 102)] == [-173.928427, -397.492331, -543.665361, -569.363652]


def test_every_row_is_of_a_shipped_set_that_covers_it_and_names_its_source() -> None:
    for row in ROWS:
        symbols = list(Formula(row["formula"]))
        elements = tuple(sorted(set(symbols)))
        assert sets.load(row["potential"]).covers(elements), row
        assert full_formula(symbols) == row["formula"]
        assert row["source"] in ("CCD", "own", "search", "icosahedron") or row["source"].startswith("10."), row
        assert table_energy(row["potential"], symbols[::-1]) == float(row["energy"]) < 0
    assert len({(r["potential"], r["formula"]) for r in ROWS}) == len(ROWS)


def test_what_a_search_has_found_lies_in_a_file_with_that_energy() -> None:
    rows = [row for row in ROWS if row["source"] == "search"]
    assert rows
    for row in rows:
        atoms = read(EXAMPLES / f"{row['formula'].lower()}.xyz")
        assert isinstance(atoms, Atoms)
        assert full_formula(atoms.get_chemical_symbols()) == row["formula"]
        energies = oracles.energies(sets.load(row["potential"]), atoms.get_chemical_symbols(), atoms.positions)
        assert energies.sum() == pytest.approx(float(row["energy"]), abs=6e-7)


@pytest.mark.parametrize(
    ("potential", "element"),
    [("lj", "X"), ("morse-rho6", "X"), ("sw-si", "Si"), *[("gupta-cleri-rosato", m) for m in METALS if m != "Pt"]],
)
def test_every_further_atom_gains_some_energy_but_not_more_than_twelve_bonds(potential: str, element: str) -> None:
    known = {n: table_energy(potential, [element] * n) for n in range(2, 151)}
    energies = {n: e for n, e in known.items() if e is not None}
    scale = sets.load(potential).potential((element,)).energy
    assert len(energies) > 2
    for n, next_n in zip(list(energies)[:-1], list(energies)[1:], strict=True):
        gain = (energies[n] - energies[next_n]) / (next_n - n)
        assert 0.5 * scale < gain < 12 * scale, (n, next_n)


def test_the_table_knows_the_magic_numbers() -> None:
    """Complete icosahedra are lower than the mean of their neighbours, by more than any other cluster of about their size."""
    second = {n: lj(n - 1) + lj(n + 1) - 2 * lj(n) for n in range(3, 150)}
    assert max(range(3, 30), key=second.__getitem__) == 13
    assert max(range(40, 70), key=second.__getitem__) == 55
    assert max(range(120, 150), key=second.__getitem__) == 147


def test_what_the_table_does_not_know_has_no_energy() -> None:
    assert table_energy("lj", ["X"] * 151) is None
    assert table_energy("lj-noble-gases", ["Ar"] * 13) is None
    assert best_known(sets.load("gupta-rosato").potential(("Au",)), ["Au"] * 13) is None
    assert table_energy("gupta-rosato", ["Au"] * 13) is None


@pytest.mark.parametrize("element", ["X", "Ne", "Ar", "Kr", "Xe"])
def test_a_lennard_jones_cluster_of_any_element_is_that_of_x_times_epsilon(element: str) -> None:
    chosen = sets.default((element,))
    potential, epsilon = chosen.potential((element,)), chosen.pairs[element, element]["epsilon"]
    for n in (2, 13, 55, 309):
        assert best_known(potential, [element] * n) == lj(n) * epsilon
    magic = bonded(Icosahedron("Ar", 2).positions, R_MIN * chosen.pairs[element, element]["sigma"])
    _, energy = relaxed(potential, structure(magic), size=16)
    assert energy == pytest.approx(best_known(potential, [element] * 13), abs=1e-6 * epsilon)


@pytest.mark.parametrize("element", ["X", "Kr"])
def test_the_minimum_of_the_table_has_no_gap(element: str) -> None:
    pair = sets.default((element,)).pairs[element, element]
    magic = Atoms([element] * 13, bonded(Icosahedron("Ar", 2).positions, R_MIN * pair["sigma"]))
    found = clusteropt.minimize(magic, opt="tight", optimizer="lbfgs")
    assert found.gap == pytest.approx(0, abs=1e-6 * pair["epsilon"])


def test_with_a_cutoff_or_another_species_the_lennard_jones_table_says_nothing(tmp_path: Path) -> None:
    text = sets.text_of("lj").replace("[pairs.X-X]", "onset = 2.0\ncutoff = 2.5\n[pairs.X-X]")
    (tmp_path / "cut.toml").write_text(text, encoding="utf-8")
    assert best_known(sets.load(str(tmp_path / "cut.toml")).potential(("X",)), ["X"] * 13) is None
    assert best_known(sets.default(("Ar", "Kr")).potential(("Ar", "Kr")), ["Ar"] * 12 + ["Kr"]) is None


def incomplete(shells: int, missing: int) -> np.ndarray:
    """A Mackay icosahedron without so many of its outermost atoms."""
    positions = Icosahedron("Ar", shells).positions
    order = np.argsort(np.linalg.norm(positions, axis=1), kind="stable")
    return positions[order][: len(positions) - missing]


@pytest.mark.parametrize(
    ("n", "shape"),
    {
        5: bonded(
            np.array([[0, 0, 0.8], [0, 0, -0.8], *[[np.cos(a), np.sin(a), 0] for a in np.arange(3) * 2 * np.pi / 3]])
        ),
        7: bonded(BIPYRAMID),
        12: incomplete(2, 1),
        54: incomplete(3, 1),
        75: Decahedron("Ar", 2, 2, 1).positions,
        146: incomplete(4, 1),
        309: Icosahedron("Ar", 5).positions,
    }.items(),
)
def test_regular_clusters_relax_to_their_entry(n: int, shape: np.ndarray) -> None:
    start = structure(bonded(shape, R_MIN))
    assert len(shape) == n
    assert relaxed(CASES["lj"].potential, start, size=padded_size(n), lanes=1)[1] == pytest.approx(lj(n), abs=6e-7)


@pytest.mark.parametrize("element", METALS)
def test_no_regular_cluster_of_a_metal_undercuts_the_table(element: str) -> None:
    potential = sets.load("gupta-cleri-rosato").potential((element,))
    for shape in (Octahedron("Au", 4, 1), Icosahedron("Au", 3), Decahedron("Au", 2, 2, 1)):
        start = structure(bonded(shape.positions, 0.97 * potential.length))
        known = table_energy("gupta-cleri-rosato", [element] * len(shape))
        energy = relaxed(potential, start, **LARGE)[1]
        assert known is None or known - 1e-6 < energy < 0.99 * known


def test_minimizing_reaches_the_table_and_says_how_far_above_it_ends() -> None:
    """Without a corner, the truncated octahedron is not the best of its size any more."""
    whole = bonded(Octahedron("Ar", 4, 1).positions, R_MIN)
    corner = np.linalg.norm(whole, axis=1).argmax()
    starts = [Atoms(["X"] * len(s), s) for s in (whole, np.delete(whole, corner, axis=0))]
    complete, incomplete_one = clusteropt.minimize(starts, opt="tight", optimizer="lbfgs")
    assert complete.status == incomplete_one.status == "converged"
    assert complete.energy == pytest.approx(-173.928427, abs=6e-7)
    assert complete.gap == pytest.approx(0, abs=6e-7)
    assert incomplete_one.gap == pytest.approx(incomplete_one.energy + 167.033672, abs=1e-9)
    assert 0.1 < incomplete_one.gap < 3


@pytest.mark.slow
@pytest.mark.parametrize(("potential", "element"), [("lj", "X"), ("gupta-cleri-rosato", "Ag"), ("sw-si", "Si")])
@pytest.mark.parametrize("n", [5, 7, 8])
def test_random_starts_find_small_minima_and_never_undercut_them(potential: str, element: str, n: int) -> None:
    starts = random_starts(f"{element}{n}", 300, seed=1, density=0.7, potential=potential)
    results = clusteropt.minimize(starts, potential, opt="tight", optimizer="lbfgs")
    gaps = [r.gap for r in results if r.converged]
    assert len(gaps) > 200
    assert min(gaps) == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_the_icosahedron_of_561_atoms_relaxes_to_its_entry() -> None:
    start = structure(bonded(Icosahedron("Ar", 6).positions, R_MIN))
    assert relaxed(CASES["lj"].potential, start, size=561, lanes=1)[1] == pytest.approx(lj(561), abs=6e-7)
