"""`clusteropt minimize` on sound input: which structures, which potential, which minimum, what is written and shown."""

import gzip
import re

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import write
from cli import LOCAL, cluster, clusters, frames_of, names, run, save

FORCE_UNIT = 1 / 2 ** (1 / 6)  # energy over length scale of Lennard-Jones, epsilon/sigma
LEVELS = {"crude": 1e-2, "loose": 1e-3, "normal": 1e-4, "tight": 1e-6, "extreme": 1e-8}
FIRE = ("--optimizer", "fire")  # compiled in half the time of LOCAL, where a test needs programs of its own

OWN = """
form = "lennard-jones"
elements = ["Ar"]
units = {energy = "eV", length = "angstrom"}
source = "a test"
onset = 7.0
cutoff = 9.0
pairs.Ar-Ar = {epsilon = 0.0104, sigma = 3.4}
"""


@pytest.fixture
def start(tmp_path):
    return save(tmp_path / "start.xyz", clusters(3))


def numbers(path):
    return [a.info["number"] for a in frames_of(path)]


def test_the_files_that_were_written_are_named(tmp_path, start):
    for name in "abcde":
        save(tmp_path / f"{name}.xyz", cluster())
    one = run(tmp_path, "minimize", start, "--optimizer", "lbfgs", "--save-trajectory")
    assert "written to start.min.xyz\nwritten to start.trajectory.xyz\n" in one.err  # results first
    many = run(tmp_path, "minimize", *(f"{name}.xyz" for name in "abcde"), "--optimizer", "lbfgs")
    assert "written to a.min.xyz, b.min.xyz, c.min.xyz, d.min.xyz and 1 more\n" in many.err
    assert "written" not in run(tmp_path, "minimize", start, "--optimizer", "lbfgs", "--out", "-").err
    assert run(tmp_path, "energy", start, "--out", "f.xyz", "--quiet").err == ""


def test_every_frame_of_every_file_reaches_its_minimum(tmp_path, start):
    save(tmp_path / "other.xyz", cluster(number=7))
    done = run(tmp_path, "minimize", *LOCAL, start, "other.xyz", "--json")
    assert done.code == 0
    assert [r["status"] for r in done.records] == ["converged"] * 4
    assert [r["energy"] for r in done.records] == pytest.approx([-6] * 4, abs=1e-7)
    assert all(r["energy_before"] > r["energy"] for r in done.records)
    assert numbers(tmp_path / "start.min.xyz") == [0, 1, 2]
    assert numbers(tmp_path / "other.min.xyz") == [7]


@pytest.mark.parametrize(
    ("index", "wanted"), [("0:2", [0, 1]), ("1", [1]), ("-1", [2]), ("::2", [0, 2]), (":", [0, 1, 2]), ("1:99", [1, 2])]
)
def test_an_index_after_the_name_chooses_frames(tmp_path, start, index, wanted):
    assert run(tmp_path, "minimize", *LOCAL, f"start.xyz@{index}").code == 0
    assert numbers(tmp_path / "start.min.xyz") == wanted


@pytest.mark.parametrize("name", ["me@home.xyz", "me@home.xyz@0"])
def test_a_file_name_may_contain_an_at_sign(tmp_path, name):
    save(tmp_path / "me@home.xyz", cluster())
    assert run(tmp_path, "minimize", *LOCAL, name).code == 0
    assert names(tmp_path) == {"me@home.xyz", "me@home.min.xyz"}


def test_a_dash_stands_for_standard_input(tmp_path, start):
    done = run(tmp_path, "minimize", *LOCAL, "-", stdin=start.read_bytes())
    assert done.code == 0
    assert numbers(tmp_path / "stdin.min.xyz") == [0, 1, 2]


def test_out_dash_puts_the_structures_and_nothing_else_on_standard_output(tmp_path, start):
    done = run(tmp_path, "minimize", *LOCAL, "-", "--out", "-", stdin=start.read_bytes())
    (tmp_path / "caught.xyz").write_text(done.out, encoding="utf-8")
    assert numbers(tmp_path / "caught.xyz") == [0, 1, 2]
    assert len(done.out.splitlines()) == 3 * 6
    assert names(tmp_path) == {"start.xyz", "caught.xyz"}


@pytest.mark.parametrize("optimizer", ["lbfgs", "fire", "gradient-descent"])
def test_every_optimizer_finds_the_minimum(tmp_path, start, optimizer):
    done = run(tmp_path, "minimize", start, "--optimizer", optimizer, "--json")
    assert done.code == 0
    assert [r["energy"] for r in done.records] == pytest.approx([-6] * 3, abs=1e-7)
    assert {a.info["optimizer"] for a in frames_of(tmp_path / "start.min.xyz")} == {optimizer}
    assert f"by {optimizer}" in done.err


@pytest.mark.parametrize(("level", "share"), LEVELS.items())
def test_the_largest_force_is_below_that_of_the_level(tmp_path, start, level, share):
    done = run(tmp_path, "minimize", *LOCAL, start, "--opt", level, "--json")
    assert done.code == 0
    assert all(r["fmax"] <= share * FORCE_UNIT for r in done.records)
    assert f"fmax <= {share * FORCE_UNIT:.3g} epsilon/sigma" in done.err


def test_the_level_is_normal_unless_told(tmp_path, start):
    assert "fmax <= 8.91e-05 epsilon/sigma" in run(tmp_path, "minimize", *LOCAL, start).err


def test_fmax_and_rms_are_in_the_force_unit_of_the_potential(tmp_path, start):
    by_fmax = run(tmp_path, "minimize", *LOCAL, start, "--fmax", "1e-5", "--json")
    assert all(r["fmax"] <= 1e-5 for r in by_fmax.records)
    assert "fmax <= 1e-05 epsilon/sigma" in by_fmax.err
    by_rms = run(tmp_path, "minimize", *FIRE, start, "--rms", "1e-6", "--out", "rms.xyz")
    forces = [a.get_forces() for a in frames_of(tmp_path / "rms.xyz")]
    assert all(np.sqrt((f**2).mean()) <= 1.01e-6 for f in forces)
    assert "rms <= 1e-06 epsilon/sigma" in by_rms.err


def test_the_potential_follows_from_the_elements_and_is_named_with_its_units(tmp_path):
    write(tmp_path / "mixed.traj", [cluster("X"), cluster("Ar"), cluster("X", 1)])
    done = run(tmp_path, "minimize", *LOCAL, "mixed.traj", "--json")
    assert [r["potential"] for r in done.records] == ["lj", "lj-noble-gases", "lj"]
    assert [r["units"]["energy"] for r in done.records] == ["epsilon", "eV", "epsilon"]
    assert [r["energy"] for r in done.records] == pytest.approx([-6, -6 * 0.0104, -6], abs=1e-7)
    for line in ("lj (default for X; epsilon, sigma)", "lj-noble-gases (default for Ar; eV, angstrom)"):
        assert f"potential {line}" in done.err.splitlines()


@pytest.fixture
def periodic(tmp_path):
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    return Atoms(["Ar"] * 4, positions=cluster("Ar").positions + 10, cell=[20] * 3, pbc=True)


@pytest.mark.parametrize("name", ["a.cif", "POSCAR", "a.vasp"])
def test_periodic_formats_are_read_and_a_users_parameter_file_serves_as_potential(tmp_path, periodic, name):
    write(tmp_path / name, periodic)
    done = run(tmp_path, "minimize", *FIRE, name, "--potential", "own.toml", "--json", "--out", "a.xyz")
    assert (done.code, [r["potential"] for r in done.records]) == (0, ["own"])
    assert "potential own (as asked for Ar; eV, angstrom)" in done.err
    (result,) = frames_of(tmp_path / "a.xyz")
    assert result.pbc.all()
    assert result.get_potential_energy() == done.records[0]["energy"] < -5.5 * 0.0104


def test_the_result_of_a_poscar_is_input_for_the_next_run(tmp_path, periodic):
    write(tmp_path / "POSCAR", periodic)
    assert run(tmp_path, "minimize", *FIRE, "POSCAR", "--potential", "own.toml").code == 0
    (result,) = names(tmp_path) - {"POSCAR", "own.toml"}
    assert run(tmp_path, "minimize", *FIRE, result, "--potential", "own.toml").code == 0


def test_a_trajectory_can_be_saved_with_a_users_parameter_file(tmp_path, periodic):
    write(tmp_path / "a.traj", periodic)
    done = run(tmp_path, "minimize", *FIRE, "a.traj", "--potential", "own.toml", "--save-trajectory")
    assert (done.code, done.complaints) == (0, [])
    assert frames_of(tmp_path / "a.trajectory.xyz")
    assert frames_of(tmp_path / "a.min.xyz")


@pytest.mark.parametrize(("factor", "warned"), [(0.1, True), (1, False), (10, True)])
def test_distances_in_other_units_than_the_potentials_draw_a_warning(tmp_path, factor, warned):
    atoms = cluster("Ar")
    atoms.positions *= factor
    save(tmp_path / "a.xyz", atoms)
    done = run(tmp_path, "minimize", *LOCAL, "a.xyz")
    assert ("units" in done.err) is warned
    assert not warned or re.search(r"warning: a\.xyz: .* [\d.]+ angstrom.*units", done.err)


def test_atoms_at_one_place_are_no_question_of_units(tmp_path):
    atoms = cluster("Ar")
    atoms.positions[:3] = atoms.positions[0]
    save(tmp_path / "a.xyz", atoms)
    for command in (("minimize", *LOCAL), ("batch", *LOCAL, "--out", "b")):
        done = run(tmp_path, *command, "a.xyz")
        assert "at the same place" in done.err
        assert "check the units" not in done.err


def test_fixed_atoms_stay_exactly_where_they_are(tmp_path):
    atoms = cluster()
    atoms.set_constraint(FixAtoms([0, 2]))
    write(tmp_path / "held.traj", atoms)
    assert run(tmp_path, "minimize", *LOCAL, "held.traj").code == 0
    (result,) = frames_of(tmp_path / "held.min.xyz")
    assert (result.positions[[0, 2]] == atoms.positions[[0, 2]]).all()
    assert (np.abs(result.positions[[1, 3]] - atoms.positions[[1, 3]]).max(1) > 1e-3).all()
    assert sorted(result.constraints[0].index) == [0, 2]
    assert run(tmp_path, "minimize", *LOCAL, "held.min.xyz").code == 0
    (again,) = frames_of(tmp_path / "held.min.min.xyz")
    assert (again.positions[[0, 2]] == result.positions[[0, 2]]).all()


def test_the_result_holds_energy_forces_and_where_they_come_from(tmp_path, start):
    done = run(tmp_path, "minimize", *LOCAL, start, "--json")
    for record, atoms in zip(done.records, frames_of(tmp_path / "start.min.xyz"), strict=True):
        assert atoms.get_potential_energy() == record["energy"]
        assert np.linalg.norm(atoms.get_forces(), axis=1).max() == pytest.approx(record["fmax"], abs=2e-8)
        assert {atoms.info[k] for k in ("status", "potential", "optimizer")} == {"converged", "lj", "lbfgs"}
        assert atoms.info["evaluations"] == record["evaluations"] > 1
        assert atoms.info["clusteropt_version"]


def test_the_inputs_own_info_arrays_and_atom_order_are_kept(tmp_path):
    atoms = cluster(note="from é", weights=np.arange(3.0))
    atoms.set_array("label", np.array(["a", "b", "c", "d"]))
    atoms.set_tags([4, 3, 2, 1])
    save(tmp_path / "a.xyz", atoms)
    assert run(tmp_path, "minimize", *LOCAL, "a.xyz").code == 0
    (result,) = frames_of(tmp_path / "a.min.xyz")
    assert np.linalg.norm(result.positions - atoms.positions, axis=1).max() < 0.3
    assert result.info["note"] == "from é"
    assert result.info["weights"].tolist() == [0, 1, 2]
    assert result.arrays["label"].tolist() == ["a", "b", "c", "d"]
    assert result.get_tags().tolist() == [4, 3, 2, 1]


@pytest.mark.parametrize("column", ["charges", "magmoms"])
def test_columns_of_another_calculation_are_kept(tmp_path, column):
    rows = "\n".join(f"X {x} {y} {z} {k}.5" for k, (x, y, z) in enumerate(cluster().positions))
    (tmp_path / "a.xyz").write_text(f"4\nProperties=species:S:1:pos:R:3:{column}:R:1\n{rows}\n", encoding="utf-8")
    assert run(tmp_path, "minimize", *LOCAL, "a.xyz").code == 0
    (result,) = frames_of(tmp_path / "a.min.xyz")
    assert (result.arrays | result.calc.results)[column].tolist() == [0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize("level", LEVELS)
def test_a_result_is_input_that_is_converged_already(tmp_path, start, level):
    run(tmp_path, "minimize", *LOCAL, start, "--opt", level)
    again = run(tmp_path, "minimize", *LOCAL, "start.min.xyz", "--opt", level, "--json")
    assert again.code == 0
    assert max(r["evaluations"] for r in again.records) <= 2


def test_the_table_has_a_row_for_every_structure(tmp_path, start):
    done = run(tmp_path, "minimize", *LOCAL, "start.xyz")
    head, *rows = done.out.splitlines()
    for column in ("structure", "formula", "potential", "before", "energy (epsilon)", "fmax (epsilon/sigma)", "status"):
        assert column in head
    assert head.endswith("above best known")
    assert [row.split()[:3] for row in rows] == [[f"start.xyz:{k}", "X4", "lj"] for k in range(3)]
    number, small = r"-?\d+\.\d{6}", r"\d\.\de-\d\d"
    for row in rows:
        assert re.fullmatch(
            rf"{number} +-6\.000000 +{small} +converged +\d+ +-?0\.000000", row.split("lj", 1)[1].strip()
        )


def test_a_composition_without_known_minimum_has_no_gap(tmp_path):
    mixed = cluster("Ar")
    mixed.symbols[0] = "Kr"
    save(tmp_path / "a.xyz", mixed)
    assert "best known" not in run(tmp_path, "minimize", *LOCAL, "a.xyz").out


def test_quiet_leaves_the_results_alone(tmp_path, start):
    loud, quiet = (
        run(tmp_path, "minimize", *LOCAL, start),
        run(tmp_path, "minimize", *LOCAL, start, "--quiet", "--force"),
    )
    assert quiet.err == ""
    assert quiet.out == loud.out != ""


@pytest.mark.parametrize("stem", ["a [b] [red]c[bold]", "Käfig mit Gold", "n" * 200])
def test_odd_and_long_file_names_come_through_unharmed(tmp_path, stem):
    save(tmp_path / f"{stem}.xyz", cluster())
    done = run(tmp_path, "minimize", *LOCAL, f"{stem}.xyz")
    assert done.code == 0
    assert f"{stem}.xyz " in done.out.splitlines()[1]
    assert "\x1b" not in done.out + done.err
    assert names(tmp_path) == {f"{stem}.xyz", f"{stem}.min.xyz"}


@pytest.mark.parametrize("ending", ["json", "traj", "pdb", "xsf", "gen", "db"])
def test_formats_of_ase_are_read(tmp_path, ending):
    atoms = cluster("Ar")
    atoms.info.clear()
    write(tmp_path / f"a.{ending}", atoms)
    done = run(tmp_path, "minimize", *LOCAL, f"a.{ending}", "--json")
    assert (done.code, [r["status"] for r in done.records]) == (0, ["converged"])


def test_windows_line_endings_and_compression_make_no_difference(tmp_path, start):
    plain = run(tmp_path, "minimize", *LOCAL, start, "--json").records
    (tmp_path / "dos.xyz").write_bytes(start.read_bytes().replace(b"\n", b"\r\n"))
    with gzip.open(tmp_path / "packed.xyz.gz", "wb") as file:
        file.write(start.read_bytes())
    for name in ("dos.xyz", "packed.xyz.gz"):
        records = run(tmp_path, "minimize", *LOCAL, name, "--json").records
        assert [r["energy"] for r in records] == [r["energy"] for r in plain]


def test_the_trajectory_holds_the_way_down(tmp_path, start):
    done = run(tmp_path, "minimize", *LOCAL, start, "--save-trajectory", "--json", "--opt", "tight")
    way = frames_of(tmp_path / "start.trajectory.xyz")
    for k, record in enumerate(done.records):
        own = [a for a in way if a.info["structure"] == k]
        counts, energies = [a.info["evaluations"] for a in own], [a.get_potential_energy() for a in own]
        assert counts == sorted(set(counts))
        assert max(np.diff([0, *counts])) <= 10
        assert record["energy_before"] >= max(energies)
        assert energies[-1] == pytest.approx(record["energy"], abs=1e-3)
