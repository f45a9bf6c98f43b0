"""`compare`: the verdict, the exit code, the aligned pair, and what is refused in words; the same from Python."""

import io
import json

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from cli import cluster, clusters, frames_of, run, save

import clusteropt
from clusteropt.clusters.sameness import TOLERANCE
from clusteropt.errors import InputError, UsageError
from clusteropt.settings.config import CompareSettings


def disguised(atoms: Atoms, seed: int = 0, mirrored: bool = False, noise: float = 1e-4) -> Atoms:
    """The atoms turned, shifted, reordered, perhaps reflected, and moved a little."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= 1 if (np.linalg.det(turn) < 0) == mirrored else -1
    other = atoms[rng.permutation(len(atoms))]
    other.positions = (other.positions + rng.normal(size=(len(atoms), 3)) * noise) @ turn.T + rng.uniform(-9, 9, 3)
    return other


@pytest.fixture
def folder(tmp_path):
    """Structures: one, a copy in disguise, its mirror image in disguise, and others."""
    one = cluster("Au", 1)
    save(tmp_path / "one.xyz", one)
    save(tmp_path / "copy.xyz", disguised(one))
    save(tmp_path / "image.xyz", disguised(one, mirrored=True))
    save(tmp_path / "other.xyz", cluster("Au", 2))
    save(tmp_path / "silicon.xyz", cluster("Si", 1))
    save(tmp_path / "several.xyz", clusters(3, "Au"))
    save(tmp_path / "boxed.xyz", Atoms("Au4", positions=one.positions, cell=[9, 9, 9], pbc=True))
    save(tmp_path / "nowhere.xyz", Atoms("Au4", positions=np.full((4, 3), np.nan)))
    return tmp_path


@pytest.mark.parametrize(
    ("other", "options", "code"),
    [
        ("copy.xyz", [], 0),
        ("copy.xyz", ["--no-mirror"], 0),
        ("copy.xyz", ["--tolerance", "1e-7"], 1),
        ("image.xyz", [], 0),
        ("image.xyz", ["--no-mirror"], 1),
        ("other.xyz", [], 1),
        ("other.xyz", ["--tolerance", "1"], 0),
        ("several.xyz@1", [], 0),
        ("several.xyz@2", [], 1),
        ("silicon.xyz", [], 1),
        ("silicon.xyz", ["--elements", "Si=Au", "--tolerance", "0.2"], 0),
        ("boxed.xyz", ["--no-box"], 0),
    ],
)
def test_the_exit_code_says_whether_two_structures_are_the_same(folder, other, options, code):
    done = run(folder, "compare", "one.xyz", other, *options)
    assert done.code == code, done.err
    assert ("not the same" in done.out) == bool(code)
    assert not done.complaints


def test_json_has_the_alignment_in_numbers(folder):
    done = run(folder, "compare", "one.xyz", "image.xyz", "--json", "--quiet")
    found = json.loads(done.out)
    assert not done.err
    assert (found["same"], found["mirrored"], found["unit"]) == (True, True, "angstrom")
    a, b = (read(folder / name).positions for name in ("one.xyz", "image.xyz"))
    laid = (b @ np.transpose(found["rotation"]) + found["translation"])[found["order"]]
    away = np.linalg.norm(laid - a, axis=1)
    np.testing.assert_allclose([np.sqrt((away**2).mean()), away.max()], [found["rmsd"], found["largest"]], atol=1e-9)
    assert 0 < found["rmsd"] < 1e-3


def test_other_compositions_have_no_distance_and_no_aligned_pair(folder):
    done = run(folder, "compare", "one.xyz", "silicon.xyz", "--json", "--out", "pair.xyz")
    found = json.loads(done.out)
    assert done.code == 1
    assert "not the same composition: Au4 and Si4" in done.err
    assert (found["same"], found["same_composition"], found["rmsd"]) == (False, False, None)
    assert not (folder / "pair.xyz").exists()


@pytest.mark.parametrize("name", ["image.xyz", "other.xyz"])
def test_the_aligned_pair_is_a_and_b_laid_on_it(folder, name):
    run(folder, "compare", "one.xyz", name, "--out", "pair.xyz")
    a, b = frames_of(folder / "pair.xyz")
    given = read(folder / "one.xyz")
    np.testing.assert_array_equal(a.positions, given.positions)
    found = clusteropt.compare(given, read(folder / name))
    away = np.linalg.norm(b.positions - a.positions, axis=1)
    np.testing.assert_allclose(away.max(), found.largest, atol=1e-9)
    assert run(folder, "compare", "pair.xyz@1", name).code == 0
    piped = run(folder, "compare", "one.xyz", name, "--out", "-")
    assert len(read(io.StringIO(piped.out), ":", format="extxyz")) == 2
    refused = run(folder, "compare", "one.xyz", name, "--out", "pair.xyz")
    assert refused.code == 2
    assert "--force" in refused.err


def test_the_moved_structure_keeps_its_energy_and_species(tmp_path):
    one = Atoms("Au2Cu2", positions=cluster("Au", 1).positions)
    other = disguised(one)
    other.calc = SinglePointCalculator(other, energy=-3.0, forces=np.ones((4, 3)))
    save(tmp_path / "one.xyz", one)
    save(tmp_path / "copy.xyz", other)
    assert run(tmp_path, "compare", "one.xyz", "copy.xyz", "--out", "pair.xyz").code == 0
    a, b = frames_of(tmp_path / "pair.xyz")
    assert a.get_chemical_symbols() == b.get_chemical_symbols()
    assert b.calc.results == {"energy": -3.0}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("one.xyz", "several.xyz"), 3, "several.xyz: holds several structures: name one of them, as several.xyz@0"),
        (("one.xyz", "several.xyz@0:2"), 3, "as several.xyz@0"),
        (("boxed.xyz", "one.xyz"), 3, "boxed.xyz: in a periodic box"),
        (("one.xyz", "nowhere.xyz"), 3, "nowhere.xyz: "),
        (("one.xyz", "absent.xyz"), 3, "absent.xyz: no such file"),
        (("-", "-"), 2, "standard input"),
        (("one.xyz", "copy.xyz", "--tolerance", "0"), 2, "tolerance must be a positive number"),
        (("one.xyz", "copy.xyz", "--json", "--out", "-"), 2, "both write to standard output"),
        (("one.xyz", "copy.xyz", "--out", "pair.cif"), 2, "end the name in .xyz"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(folder, arguments, code, words):
    done = run(folder, "compare", *arguments)
    assert done.code == code
    (line,) = done.complaints
    assert words in line
    assert not done.out


def test_one_structure_may_come_from_standard_input(folder):
    done = run(folder, "compare", "one.xyz", "-", stdin=(folder / "copy.xyz").read_bytes())
    assert done.code == 0


def test_python_programs_get_the_same_answer():
    one = cluster("Au", 1)
    image = disguised(one, mirrored=True)
    assert clusteropt.compare(one, image).same
    assert not clusteropt.compare(one, image, mirror=False).same
    assert not clusteropt.compare(one, image, tolerance=1e-7).same
    assert clusteropt.compare(Atoms("Au"), Atoms("Au", positions=[[1, 2, 3]])).same
    assert CompareSettings().tolerance == TOLERANCE.largest
    with pytest.raises(UsageError, match="ASE Atoms"):
        clusteropt.compare(one, "copy.xyz")
    with pytest.raises(InputError, match="without atoms"):
        clusteropt.compare(one, Atoms())
