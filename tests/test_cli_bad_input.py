"""Structures that cannot be used: one line names file, problem and cure, and everything else is done all the same."""

import shutil

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixCom
from ase.io import write
from cli import LOCAL, cluster, clusters, frames_of, names, run, save

GOOD = "4\n\n" + "".join(f"X {x:.8f} {y:.8f} {z:.8f}\n" for x, y, z in cluster().positions)
JUNK = bytes(np.random.default_rng(0).integers(0, 256, 3000, dtype=np.uint8))


def xyz(*atoms: str) -> bytes:
    return "\n".join([str(len(atoms)), "", *atoms, ""]).encode()


def boxed(element: str, cell: list[float], pbc: object = True) -> Atoms:
    return Atoms([element] * 4, positions=cluster(element).positions + 10, cell=cell, pbc=pbc)


def held() -> Atoms:
    atoms = cluster()
    atoms.set_constraint(FixCom())
    return atoms


# name: (content, and a word each of problem and cure)
UNREADABLE = {
    "empty.xyz": (b"", "empty", "export"),
    "blank.xyz": (b"\n  \n\t\n", "empty", "export"),
    "truncated.xyz": (GOOD.encode()[:-60], "cannot be read", "export"),
    "junk.xyz": (JUNK, "cannot be read", "export"),
    "junk": (JUNK, "not a structure file", "ending"),
    "packed.xyz.gz": (JUNK, "cannot be read", "export"),
    "word.xyz": (GOOD.replace("4\n", "four\n", 1).encode(), "cannot be read", "export"),
    "commas.xyz": (xyz("X 0,0 0,0 0,0", "X 1,1 0,0 0,0"), "cannot be read", "mend"),
    "unknown.xyz": (xyz("Qq 0 0 0", "Qq 1 0 0"), "Qq", "--elements Qq=Au"),
    "missing.xyz": (None, "no such file", "check"),
    "folder": (None, "folder", "*.xyz"),
    "frames.xyz@1": (None, "has 1 frame", "index"),
    "frames.xyz@-2": (None, "has 1 frame", "index"),
    "frames.xyz@5:": (None, "no frames", "index"),
    "frames.xyz@first": (None, "first", "index"),
    "frames.xyz@": (None, "index", "@"),
}
UNUSABLE = {
    "nan.xyz": (xyz("X 0 0 nan", "X 1 0 0", "X 0 1 0", "X 0 0 1"), "finite", "mend"),
    "inf.xyz": (xyz("X 0 0 -inf", "X 1 0 0", "X 0 1 0", "X 0 0 1"), "finite", "mend"),
    "same.xyz": (xyz("X 0 0 0", "X 1 0 0", "X 0 1 0", "X 1 0 0"), "atoms 1 and 3 are at the same place", "move"),
    "uranium.xyz": (xyz("U 0 0 0", "U 2 0 0"), "no default potential for U", "--potential FILE.toml"),
    "water.xyz": (xyz("O 0 0 0", "H 1 0 0", "H 0 1 0"), "no default potential for H-O", "such as xtb"),
    "nobody.xyz": (b"0\n\n", "without atoms", "remove"),
    "film.xyz": (boxed("Ar", [20, 20, 20], [True, True, False]), "partly periodic", "pbc='T T T' or 'F F F'"),
    "small.xyz": (boxed("Si", [6, 20, 20]), "too small: its smallest height is 6.000 angstrom", "repeat"),
    "flat.traj": (boxed("Si", [20, 20, 0]), "no volume", "cell vectors"),
    "uncut.xyz": (boxed("Ar", [20, 20, 20]), "need a potential with a cutoff", "--potential"),
    "held.traj": (held(), "FixCom", "remove"),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("before.xyz", "after.xyz", "frames.xyz"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    return tmp_path


def minimize_between_good_ones(folder, name, content, problem, cure):
    """Minimizes the file between two good ones, and checks all but what becomes of it."""
    if isinstance(content, Atoms):
        write(folder / name, content)
    elif content is not None:
        (folder / name).write_bytes(content)
    done = run(folder, "minimize", *LOCAL, "before.xyz", name, "after.xyz", "--json")
    (line,) = done.complaints
    assert line.startswith(f"clusteropt: {name}: ")
    assert problem in line
    assert cure in line
    assert [one for one in done.err.splitlines() if name in one] == [line], "the one line about it"
    assert done.code == 3
    for good in ("before", "after"):
        assert frames_of(folder / f"{good}.min.xyz")[0].info["status"] == "converged"
    return done


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_named_and_the_others_are_done(folder, name):
    done = minimize_between_good_ones(folder, name, *UNREADABLE[name])
    assert [r["structure"] for r in done.records] == ["before.xyz", name, "after.xyz"]
    assert [r["status"] for r in done.records] == ["converged", "unreadable", "converged"]
    assert UNREADABLE[name][1] in done.records[1]["problem"]
    assert {p for p in names(folder) if ".min." in p} == {"before.min.xyz", "after.min.xyz"}


@pytest.mark.parametrize("command", ["energy", "minimize"])
def test_whatever_cannot_be_read_has_its_entry_in_its_place(command, folder):
    two = GOOD.encode() + GOOD.encode()[:-60]
    for name, content in {"empty.xyz": b"", "two.xyz": two, "water.xyz": UNUSABLE["water.xyz"][0]}.items():
        (folder / name).write_bytes(content)
    files = ("missing.xyz", "before.xyz", "empty.xyz", "two.xyz", "water.xyz")
    local = LOCAL if command == "minimize" else ()
    done = run(folder, command, *files, *local, "--json")
    assert done.code == 3
    fine = "evaluated" if command == "energy" else "converged"
    expected = ["unreadable", fine, "unreadable", fine, "unreadable", "no-potential"]
    assert [one["status"] for one in done.records] == expected
    labels = ["missing.xyz", "before.xyz", "empty.xyz", "two.xyz:0", "two.xyz:1", "water.xyz"]
    assert [one["structure"] for one in done.records] == labels
    for one in done.records:
        assert (one["problem"] is None) == (one["status"] == fine)
        assert one["problem"] is None or f"{one['structure']}: {one['problem']}" in done.err
    alone = run(folder, command, "missing.xyz", *local, *(("--force",) if local else ()))
    assert "unreadable" in alone.out


@pytest.mark.parametrize("content", [(GOOD + GOOD)[:-60], GOOD.replace("4\n", "3\n", 1), GOOD + "5" + GOOD])
def test_what_stands_before_the_damage_is_done_and_the_place_of_the_damage_is_named(tmp_path, content):
    (tmp_path / "a.xyz").write_text(content, encoding="utf-8")
    done = run(tmp_path, "minimize", *LOCAL, "a.xyz", "--json")
    assert done.code == 3
    (line,) = done.complaints
    assert line.startswith("clusteropt: a.xyz:1: cannot be read from here on (")
    statuses = {r["structure"]: r["status"] for r in done.records}
    assert statuses == {"a.xyz:0": "converged", "a.xyz:1": "unreadable"}
    assert len(frames_of(tmp_path / "a.min.xyz")) == 1


def test_a_bad_frame_costs_no_other_its_result(tmp_path):
    bad = xyz("X 0 0 zero", "X 1 0 0").decode()
    (tmp_path / "a.xyz").write_text(GOOD + bad + GOOD, encoding="utf-8")
    for command in (("minimize", *LOCAL), ("energy",)):
        done = run(tmp_path, *command, "a.xyz", "--json")
        assert done.code == 3
        (line,) = done.complaints
        assert line.startswith("clusteropt: a.xyz:1: cannot be read (")
        assert [r["structure"] for r in done.records] == ["a.xyz:0", "a.xyz:1", "a.xyz:2"]
        assert [r["status"] == "unreadable" for r in done.records] == [False, True, False]
    assert len(frames_of(tmp_path / "a.min.xyz")) == 2


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_structure_that_cannot_be_used_is_named_and_the_others_are_done(folder, name):
    done = minimize_between_good_ones(folder, name, *UNUSABLE[name])
    word = "no-potential" if name in ("uranium.xyz", "water.xyz") else "invalid-structure"
    assert [r["status"] for r in done.records] == ["converged", word, "converged"]
    bad = done.records[1]
    assert (bad["energy"], bad["fmax"], bad["evaluations"]) == (None, None, 0)
    assert UNUSABLE[name][1] in bad["problem"]
    assert {p for p in names(folder) if ".min." in p} == {"before.min.xyz", "after.min.xyz"}, (
        "no minimum, no file of minima"
    )


def test_the_frames_around_a_bad_one_are_done_and_it_is_in_no_file_of_minima(tmp_path):
    bad = cluster(number=1)
    bad.positions[2] = bad.positions[1]
    save(tmp_path / "a.xyz", [cluster(number=0), bad, cluster(number=2)])
    done = run(tmp_path, "minimize", *LOCAL, "a.xyz")
    assert done.complaints == [
        "clusteropt: a.xyz:1: atoms 1 and 2 are at the same place: remove one or move them apart"
    ]
    assert "1 of 3 structures could not be used and is missing from the output files" in done.err
    results = frames_of(tmp_path / "a.min.xyz")
    assert [a.info["status"] for a in results] == ["converged", "converged"]
    assert [a.info["number"] for a in results] == [0, 2]
    record = run(tmp_path, "minimize", *LOCAL, "a.xyz", "--json", "--force").records[1]
    assert (record["structure"], record["status"]) == ("a.xyz:1", "invalid-structure")


def test_a_frame_without_atoms_is_named_and_its_neighbours_are_done(tmp_path):
    (tmp_path / "a.xyz").write_text(GOOD + "0\n\n" + GOOD, encoding="utf-8")
    done = run(tmp_path, "minimize", *LOCAL, "a.xyz", "--json")
    assert done.complaints == ["clusteropt: a.xyz:1: a frame without atoms: remove it from the file"]
    assert [r["status"] for r in done.records] == ["converged", "invalid-structure", "converged"]
    assert len(frames_of(tmp_path / "a.min.xyz")) == 2


def test_atoms_far_apart_are_fragments_although_no_force_is_left(tmp_path):
    save(tmp_path / "far.xyz", Atoms("Ar4", positions=1000 * cluster().positions))
    done = run(tmp_path, "minimize", *LOCAL, "far.xyz", "--json")
    assert done.code == 4
    assert done.records[0]["status"] == "fragmented"
    assert done.records[0]["fmax"] < 1e-12
    assert "units" in done.err


def test_one_atom_alone_is_converged_with_energy_zero(tmp_path):
    save(tmp_path / "one.xyz", Atoms("X"))
    done = run(tmp_path, "minimize", *LOCAL, "one.xyz")
    assert (done.code, done.complaints) == (0, [])
    assert "warning" not in done.err
    row = done.out.splitlines()[1].split()
    assert row[1:5] == ["X", "lj", "0.000000", "0.000000"]
    assert "converged" in row
    assert frames_of(tmp_path / "one.min.xyz")[0].get_potential_energy() == 0


def test_atoms_nearly_at_the_same_place_are_moved_apart(tmp_path):
    atoms = cluster()
    atoms.positions[1] = atoms.positions[0] + [1e-4, 0, 0]
    save(tmp_path / "near.xyz", atoms)
    done = run(tmp_path, "minimize", *LOCAL, "near.xyz", "--json")
    assert (done.code, done.records[0]["energy"]) == (0, pytest.approx(-6, abs=1e-7))


def test_what_did_not_converge_is_code_4_and_what_could_not_be_used_wins_with_3(tmp_path):
    save(tmp_path / "a.xyz", clusters(2))
    short = run(tmp_path, "minimize", *LOCAL, "a.xyz", "--max-steps", "3", "--json")
    assert short.code == 4
    assert {r["status"] for r in short.records} == {"not-converged"}
    assert all(r["evaluations"] == 3 for r in short.records)
    assert all(r["energy"] < r["energy_before"] for r in short.records)
    assert run(tmp_path, "minimize", *LOCAL, "a.xyz", "no.xyz", "--max-steps", "3", "--force").code == 3
    shutil.copy(tmp_path / "a.xyz", tmp_path / "bad.xyz")
    with (tmp_path / "bad.xyz").open("ab") as file:
        file.write(UNUSABLE["same.xyz"][0])
    assert run(tmp_path, "minimize", *LOCAL, "bad.xyz", "--max-steps", "3").code == 3


def test_the_potential_asked_for_must_know_the_elements(tmp_path):
    save(tmp_path / "a.xyz", cluster())
    done = run(tmp_path, "minimize", *LOCAL, "a.xyz", "--potential", "gupta-rosato")
    assert done.code == 3
    (line,) = done.complaints
    assert line.startswith("clusteropt: a.xyz: potential 'gupta-rosato' has no parameters for X; it knows Ag, Au")


def test_results_of_files_that_cannot_be_read_are_still_json(tmp_path):
    done = run(tmp_path, "minimize", *LOCAL, "no.xyz", "--json")
    assert (done.code, [r["status"] for r in done.records]) == (3, ["unreadable"])
