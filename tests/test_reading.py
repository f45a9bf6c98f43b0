"""Files are read as their writers meant them, by one reader: k structures in, k out, and nothing is left out in silence."""

import bz2
import gzip
import lzma
import os
import threading
import warnings
from pathlib import Path

import fuzz
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from cli import LOCAL, cluster, clusters, frames_of, names, run, save
from formats import NAMES, is_boxed, text_of
from formats import clusters as small
from hypothesis import given, settings
from hypothesis import strategies as st

from clusteropt.clusters.boxes import vacuum, whole
from clusteropt.io import doubts
from clusteropt.io.reading import Unreadable, Wishes, frames
from clusteropt.potentials import sets
from clusteropt.search.starts import random_starts

PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
CLOSE = 1e-3  # digits of PDB files


def written(folder: Path, name: str, parts: list[bytes], between: bytes = b"") -> str:
    content = between.join(parts)
    for ending, pack in PACKED.items():
        content = pack(content) if name.endswith(ending) else content
    (folder / name).write_bytes(content)
    return str(folder / name)


def read(path: str | Path, **wishes) -> list[Atoms]:
    found = list(frames(str(path), Wishes(**wishes)))
    assert not [one.problem for one in found if isinstance(one, Unreadable)]
    return [one.atoms for one in found if not isinstance(one, Unreadable)]


def same(found: Atoms, meant: Atoms) -> bool:
    return found.get_chemical_symbols() == meant.get_chemical_symbols() and bool(
        np.allclose(found.positions, meant.positions, atol=CLOSE)
    )


def k_in_k_out(folder: Path, name: str, seed: int, count: int) -> None:
    meant = small(np.random.default_rng(seed), count)
    found = read(written(folder, name, [text_of(name, atoms) for atoms in meant]))
    assert len(found) == count
    assert all(map(same, found, meant))
    box = [15, 16, 17] if is_boxed(name) else [0, 0, 0] if name != "a.dump" else [20, 20, 20]
    assert all(np.allclose(atoms.cell.lengths(), box) for atoms in found)
    assert all(atoms.pbc.all() if is_boxed(name) else not atoms.pbc.any() for atoms in found)


cases = given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 6))


@pytest.mark.parametrize("name", NAMES)
@cases
@settings(max_examples=5)
def test_as_many_structures_are_read_as_were_joined(tmp_path_factory, name, seed, count):
    k_in_k_out(tmp_path_factory.getbasetemp(), name, seed, count)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@cases
@settings(max_examples=100)
def test_as_many_structures_are_read_as_were_joined_often(tmp_path_factory, name, seed, count):
    k_in_k_out(tmp_path_factory.getbasetemp(), name, seed, count)


SINGLE = ("abinit-in", "crystal", "dmol-car", "gromos", "jsv", "lammps-data", "magres", "nwchem-in")


@pytest.mark.parametrize("kind", [*SINGLE, "dmol-incoor", "onetep-in", "res", "struct", "turbomole", "xtd"])
def test_formats_of_one_structure_do_not_hide_a_second_one(tmp_path, kind):
    """ASE reads one of two, or makes one of both."""
    one, two = (Atoms("Au4", cluster("Au").positions + x, cell=[20] * 3, pbc=True) for x in (8.0, 9.0))
    for name, atoms in (("one", one), ("two", two)):
        write(tmp_path / name, atoms, format=kind)
    from clusteropt.io.reading import formats

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "_format_of", lambda path, name: kind)
        joined = b"".join((tmp_path / name).read_bytes() for name in ("one", "two"))
        (tmp_path / "joined").write_bytes(joined)
        found = list(frames(str(tmp_path / "joined")))
    assert any(isinstance(one, Unreadable) for one in found)
    assert len(found) == 1


def test_damaged_files_are_read_or_refused_in_a_line():
    found = fuzz.counts(300, 0, [])
    assert sum(found.values()) == 300
    assert found.keys() <= {"read", "refused", "refused in part"}


@pytest.mark.parametrize("name", ["a.vasp", "a.gen", "a.cfg", "a.dump", "boxed.xsf", "plain.xyz"])
def test_a_count_that_is_far_too_large_is_refused_at_once(tmp_path, name):
    text = text_of(name, Atoms("Au3", cluster("Au").positions[:3] + 5))
    for before in (b"= 3\n", b"ATOMS\n3\n", b"  3\n", b" 3 1\n", b"3  C", b"3\n"):
        if before in text:
            text = text.replace(before, before.replace(b"3", b"900000000"), 1)
            break
    assert b"900000000" in text
    with fuzz.limited(fuzz.SECONDS):
        (found,) = frames(written(tmp_path, name, [text]))
    assert isinstance(found, Unreadable)


def test_the_title_of_a_damaged_structure_is_no_heading_of_velocities(tmp_path):
    """A line break too many in the cell of the second of two POSCARs, which is called Cu: it is told of."""
    copper = Atoms("Cu3", [[5, 5, 5], [7.5, 5, 5], [5, 7.5, 5]], cell=[15, 16, 17], pbc=True)
    first, second = (text_of("POSCAR", copper).decode() for _ in range(2))
    _, *lines = second.splitlines()
    lines[3] = lines[3].replace("0.0000000000000000", "0.0000000000000000\n", 1)
    (tmp_path / "POSCAR").write_text("\n".join([*first.splitlines(), "Cu", *lines, ""]), encoding="utf-8")
    found = list(frames(str(tmp_path / "POSCAR")))
    assert any(isinstance(one, Unreadable) for one in found)


@pytest.mark.slow
def test_many_damaged_files_are_read_or_refused_in_a_line():
    assert fuzz.counts(10_000, 1, []).keys() <= {"read", "refused", "refused in part"}


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith((".pdb", ".sdf", ".cif", ".dump", "a.xyz"))])
def test_a_bad_record_costs_no_other_its_place(tmp_path, name):
    meant = small(np.random.default_rng(0), 3)
    parts = [text_of(name, atoms) for atoms in meant]
    if name == "a.cif":
        parts[1] = parts[1].replace(b"fract_x", b"fract_q")
    else:  # the first coordinate
        first = max(parts[1].find(word) for word in (b"ATOM", b"V2000", b"pos:R:3", b"element x"))
        number = parts[1].find(b".", first)
        parts[1] = parts[1][:number] + b"?" + parts[1][number + 1 :]
    found = list(frames(written(tmp_path, name, parts)))
    assert [isinstance(one, Unreadable) for one in found] == [False, True, False]


def test_blank_lines_between_frames_lose_none_in_any_command(tmp_path):
    parts = [text_of("plain.xyz", cluster("Au", number)) for number in range(3)]
    written(tmp_path, "a.xyz", parts, between=b"\n")
    assert [r["structure"] for r in run(tmp_path, "energy", "a.xyz", "--json").records] == [
        f"a.xyz:{k}" for k in range(3)
    ]
    run(tmp_path, "batch", "a.xyz", "--out", "out", "--optimizer", "lbfgs")
    assert len(frames_of(tmp_path / "out/minima/a.min.xyz")) == 3


PDB_BOX = "CRYST1{:9.3f}{:9.3f}{:9.3f}  90.00  90.00  90.00 P 1           1\n"


@pytest.mark.parametrize("length", [0, 1])
def test_a_unit_box_of_pdb_is_none(tmp_path, length):
    text = PDB_BOX.format(length, length, length).encode() + text_of("a.pdb", cluster("Si", 1))
    (found,) = read(written(tmp_path, "a.pdb", [text]))
    assert not found.pbc.any()
    assert not np.array(found.cell).any()


def test_the_box_of_a_pdb_files_head_is_that_of_all_its_models(tmp_path):
    models = [text_of("a.pdb", cluster("Si", k)) for k in range(3)]
    found = read(written(tmp_path, "a.pdb", [PDB_BOX.format(20, 21, 22).encode(), *models, b"END\n", models[0]]))
    assert [atoms.pbc.all() for atoms in found] == [True, True, True, False]


@pytest.mark.parametrize("end", [b"END\n", b"END", b"\nEND   \n\n", b"MASTER        0\nEND\n"])
def test_what_follows_the_last_model_is_no_frame(tmp_path, end):
    assert len(read(written(tmp_path, "a.pdb", [text_of("a.pdb", cluster("Au", k)) for k in range(2)] + [end]))) == 2


def test_the_atoms_behind_the_last_end_are_a_frame(tmp_path):
    whole_file = b"".join(text_of("end.pdb", cluster("Au", k)) for k in range(2))
    assert len(read(written(tmp_path, "a.pdb", [whole_file[: whole_file.rindex(b"END")]]))) == 2


@pytest.mark.parametrize("name", ["POSCAR_relaxed.xyz", "CONTCAR.extxyz", "POSCAR.pdb", "XDATCAR.gen"])
def test_the_ending_decides_before_the_beginning_of_a_name(tmp_path, name):
    plain = {"xyz": "plain.xyz", "extxyz": "a.xyz"}.get(name.split(".")[1], f"a.{name.split('.')[1]}")
    assert len(read(written(tmp_path, name, [text_of(plain, cluster("Au"))]))) == 1
    for command in (("minimize",), ("energy",), ("batch", "--out", "out")):
        more = () if command[0] == "energy" else ("--optimizer", "lbfgs")
        assert run(tmp_path, *command, name, *more).code == 0


LABELS = {"AU": "Au", "Au1": "Au", "au": "Au", "79": "Au", "X1": "X"}


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("name", ["a.xyz", "a.sdf", "a.mol", "a.gen", "a.xsf", "a.pdb", "a.vasp"])
def test_labels_stand_for_elements_in_every_format(tmp_path, name, label):
    if name in ("a.pdb", "a.vasp") and label in ("Au1", "79"):
        return  # two columns; numbers are counts
    text = text_of(name, Atoms("Au4", cluster("Au").positions + 5))
    if name == "a.pdb":
        text = b"\n".join(line[:12] + b"    " + line[16:76] + f"{label:>2}".encode() for line in text.splitlines())
    elif name == "a.vasp":
        lines = text.splitlines()
        lines[5] = label.encode()
        text = b"\n".join(lines)
    elif name == "a.xsf":
        text = text.replace(b" 79 ", f" {label} ".encode())
    else:
        text = text.replace(b"Au", label.encode())
    (found,) = read(written(tmp_path, name, [text]))
    assert set(found.get_chemical_symbols()) == {LABELS[label]}


@pytest.mark.parametrize("name", ["a.xyz", "a.sdf", "a.gen", "a.xsf", "a.vasp", "a.cfg", "a.cif"])
def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path, name):
    text = text_of(name, cluster("Au"))
    (found,) = read(written(tmp_path, name, [b"\xef\xbb\xbf" + text]))
    assert len(found) == 4


@pytest.mark.parametrize("name", ["plain.xyz", "a.sdf", "a.gen", "a.xsf", "a.vasp", "a.dump"])
def test_the_exponents_of_fortran_are_numbers(tmp_path, name):
    atoms = Atoms("Au2", [[1.5, 2.5, 3.5], [4.5, 2.5, 3.5]])
    text = text_of(name, atoms)
    for digits in (b"1.5000000000000000", b"1.500000000000000", b"1.50000000000000", b"1.500000", b"1.5000"):
        text = text.replace(b" " + digits, b" 0.15D+01" if name != "a.sdf" else b" .15D1")
    assert b"D" in text
    (found,) = read(written(tmp_path, name, [text]))
    assert same(found, atoms)


def test_settings_and_parameters_may_begin_with_a_byte_order_mark(tmp_path):
    save(tmp_path / "a.xyz", cluster())
    (tmp_path / "settings.toml").write_text('\ufeffoptimizer = "lbfgs"\n', encoding="utf-8")
    (tmp_path / "own.toml").write_text("\ufeff" + sets.text_of("lj"), encoding="utf-8")
    assert run(tmp_path, "minimize", "a.xyz", "--config", "settings.toml", "-p", "own.toml").code == 0


GMIN = "4\n\n" + "".join(f"SI {x:.8f} {y:.8f} {z:.8f}\n" for x, y, z in cluster().positions)


@pytest.mark.parametrize("label", ["SI", "LA", "QQ", "Ar", "X1"])
def test_a_label_that_is_not_of_a_potential_of_one_species_is_that_species(tmp_path, label):
    for name in ("a.xyz", "b.xyz"):
        (tmp_path / name).write_text(2 * GMIN.replace("SI", label), encoding="utf-8")
    save(tmp_path / "x.xyz", [cluster(), cluster()])
    meant = run(tmp_path, "energy", "x.xyz", "--json").records[0]["energy"]
    done = run(tmp_path, "energy", "a.xyz", "b.xyz", "-p", "lj", "--json")
    assert [r["energy"] for r in done.records] == [pytest.approx(meant, abs=1e-5)] * 4
    said = [line for line in done.err.splitlines() if "is taken for X" in line]
    assert [line.split(":")[0] for line in said] == ([] if label == "X1" else ["a.xyz", "b.xyz"])
    done = run(tmp_path, "batch", "a.xyz", "b.xyz", "-p", "lj", "--optimizer", "lbfgs", "--out", "out")
    assert done.code == 0
    assert done.err.count("is taken for X") == (label != "X1")


def test_two_labels_are_not_one_species(tmp_path):
    (tmp_path / "a.xyz").write_text(GMIN.replace("SI", "QQ", 2), encoding="utf-8")
    (tmp_path / "b.xyz").write_text(GMIN.replace("SI", "X", 2), encoding="utf-8")
    done = run(tmp_path, "energy", "a.xyz", "b.xyz", "-p", "lj")
    assert done.code == 3
    assert "QQ is not an element" in done.complaints[0]
    assert "no parameters for Si" in done.complaints[1]


def test_elements_are_what_the_user_says(tmp_path):
    (tmp_path / "a.xyz").write_text(GMIN, encoding="utf-8")
    save(tmp_path / "x.xyz", cluster())
    meant = run(tmp_path, "energy", "x.xyz", "--json").records[0]["energy"]
    assert run(tmp_path, "energy", "a.xyz", "--elements", "SI=X", "--json").records[0]["energy"] == pytest.approx(
        meant, abs=1e-5
    )
    for wrong in ("SI", "SI=", "SI=Qq"):
        done = run(tmp_path, "energy", "a.xyz", "--elements", wrong)
        assert done.code == 2
        assert "--elements" in done.complaints[0]


def test_types_of_lammps_are_no_elements_until_the_user_says_which(tmp_path):
    atoms = Atoms("Au2Cu2", cluster("Au").positions + 5)
    text = text_of("a.dump", atoms).replace(b" element ", b" type ").replace(b" Au ", b" 1 ").replace(b" Cu ", b" 2 ")
    path = written(tmp_path, "a.dump", [text, text])
    found = list(frames(path))
    assert all(isinstance(one, Unreadable) and "--elements 1=" in one.problem for one in found)
    assert all(map(same, read(path, elements={"1": "Au", "2": "Cu"}), [atoms, atoms]))
    alone = written(tmp_path, "b.dump", [text.replace(b" 2 ", b" 1 ").replace(b"\n1 1 ", b"\n2 1 ")])
    assert set(read(alone, only="Au")[0].get_chemical_symbols()) == {"Au"}


def test_units_are_doubted_at_half_and_twice_the_usual_distance_and_not_for_random_starts():
    lj, silicon = sets.load("lj").potential(("X",)), sets.load("sw-si").potential(("Si",))
    ball = Atoms("X13", 0.96 * lj.length * np.vstack([np.zeros(3), _icosahedron()]))
    as_silicon = Atoms("Si13", ball.positions)
    assert "units" in doubts.of_units(as_silicon, silicon)
    for factor in (0.5, 0.529, 1.89, 2, 10, 0.1):
        assert "units" in doubts.of_units(Atoms("X13", factor * ball.positions), lj)
    for factor in (0.7, 1, 1.4):
        assert not doubts.of_units(Atoms("X13", factor * ball.positions), lj)
    starts = [atoms for n in (13, 38, 100) for atoms in random_starts(f"X{n}", 100, 0, 0.34, None)]
    assert sum(bool(doubts.of_units(atoms, lj)) for atoms in starts) <= 3


def _icosahedron() -> np.ndarray:
    golden = (1 + 5**0.5) / 2
    points = [np.roll([0, a, b * golden], k) for k in range(3) for a in (-1, 1) for b in (-1, 1)]
    return np.array(points) / np.linalg.norm(points[0])


def boxed(shift: float = 0.0) -> Atoms:
    atoms = Atoms("Si4", cluster("Si").positions + 10, cell=[20, 21, 22], pbc=True)
    atoms.positions += shift
    atoms.wrap()
    return atoms


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3))
def test_a_cluster_around_the_corner_of_its_box_is_put_together(shift):
    atoms = boxed()
    moved = atoms.copy()
    moved.positions += shift
    moved.wrap()
    together = whole(np.array(moved.positions), np.array(moved.cell))
    distances = lambda points: np.linalg.norm(points[:, None] - points, axis=-1)  # noqa: E731
    np.testing.assert_allclose(distances(together), distances(atoms.positions), atol=1e-9)
    assert vacuum(np.array(moved.positions), np.array(moved.cell)) > 15
    np.testing.assert_array_equal(whole(np.array(atoms.positions), np.array(atoms.cell)), atoms.positions)


def test_a_box_is_told_of_and_left_out_on_request(tmp_path):
    write(tmp_path / "a.vasp", boxed())
    write(tmp_path / "corner.cif", boxed(9.5))
    save(tmp_path / "open.xyz", cluster("Si"))
    done = run(tmp_path, "minimize", "a.vasp", "corner.cif", "--optimizer", "learned", "--json")
    assert done.err.count("periodic box: local minimization only") == 1
    assert "--no-box" in done.err
    assert "by learned" not in done.err
    assert "has not been trained" not in done.err  # the optimizer takes no part
    meant = run(tmp_path, "energy", "open.xyz", "--json").records[0]["energy"]
    for name in ("a.vasp", "corner.cif"):
        (record,) = run(tmp_path, "energy", name, "--no-box", "--json").records
        assert record["energy"] == pytest.approx(meant, abs=1e-4)
    said = run(tmp_path, "energy", "a.vasp", "--no-box", "--elements", "Si=Ge").err
    assert "a.vasp: Si is taken for Ge; the periodic box is left out" in said
    assert run(tmp_path, "energy", "a.vasp", "--elements", "Si=Ge,SI=Au").code == 2
    done = run(tmp_path, "batch", "a.vasp", "--no-box", "--optimizer", "lbfgs", "--out", "out")
    assert done.code == 0
    assert not frames_of(tmp_path / "out/minima/a.min.xyz")[0].pbc.any()


def test_a_cluster_that_comes_apart_is_no_minimum_in_a_vacuum_box_either(tmp_path):
    """Two dimers too far apart to feel each other; a crystal, which fills its box, hangs together through its images."""
    pairs = Atoms("Si4", [[0, 0, 0], [2.4, 0, 0], [9, 0, 0], [11.4, 0, 0]])
    pairs.positions += 5
    in_a_box = pairs.copy()
    in_a_box.set_cell([40, 40, 40])
    in_a_box.pbc = True
    save(tmp_path / "a.xyz", [pairs, in_a_box])
    save(tmp_path / "crystal.xyz", bulk("Si", "diamond", 7.6, cubic=True))  # the cutoff fits twice
    done = run(tmp_path, "minimize", *LOCAL, "a.xyz", "crystal.xyz", "--json")
    assert [record["status"] for record in done.records] == ["fragmented", "fragmented", "converged"]


def test_a_box_without_a_potential_for_it_names_the_way_out(tmp_path):
    atoms = Atoms("Au4", cluster("Au").positions + 20, cell=[40, 40, 40], pbc=True)
    save(tmp_path / "a.xyz", atoms)
    done = run(tmp_path, "energy", "a.xyz")
    assert done.code == 3
    assert "--no-box" in done.err
    assert run(tmp_path, "energy", "a.xyz", "--no-box").code == 0


def test_neighbours_beyond_the_edge_of_a_box_are_neighbours(tmp_path):
    """2.35 angstrom apart through the boundary: no doubt about units. At one place: the error alone."""
    save(tmp_path / "through.xyz", Atoms("Si2", [[0.1, 5, 5], [9.75, 5, 5]], cell=[12, 12, 12], pbc=True))
    assert "units" not in run(tmp_path, "energy", "through.xyz").err
    save(tmp_path / "same.xyz", Atoms("Si2", [[0, 0, 0], [0, 0, 0]]))
    done = run(tmp_path, "energy", "same.xyz")
    assert "units" not in done.err
    assert "same place" in done.err


def fed(path: Path, content: bytes) -> threading.Thread:
    """Writes into a pipe once, as another program would."""
    thread = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("command", [("energy",), ("minimize",), ("batch", "--out", "out")])
def test_a_pipe_is_read_once_and_whole(tmp_path, command):
    os.mkfifo(tmp_path / "q.xyz")
    content = b"".join(text_of("plain.xyz", cluster("Au", k)) for k in range(3))
    writer = fed(tmp_path / "q.xyz", content)
    more = () if command[0] == "energy" else ("--optimizer", "lbfgs")
    done = run(tmp_path, *command, "q.xyz", *more)
    writer.join(10)
    assert not writer.is_alive()
    assert done.code == 0
    if command[0] == "batch":
        assert len(frames_of(tmp_path / "out/minima/q.min.xyz")) == 3


def test_what_a_shell_substitutes_for_a_command_is_read(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, text_of("plain.xyz", cluster("Au")))
    os.close(writing)
    assert len(read(f"/dev/fd/{reading}")) == 1
    os.close(reading)


def test_a_batch_that_is_too_large_to_be_kept_reads_a_pipe_once(tmp_path, monkeypatch):
    from clusteropt.batch import inputs

    monkeypatch.setattr(inputs, "_KEPT", 0)
    os.mkfifo(tmp_path / "q.xyz")
    fed(tmp_path / "q.xyz", text_of("plain.xyz", cluster("Au")) * 3)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "kept"))
    (tmp_path / "kept").mkdir()
    with inputs.Inputs([str(tmp_path / "q.xyz")], "") as given_:
        assert not names(tmp_path / "kept"), "a folder is made for the first pipe only"
        assert len(given_.survey()) == len([*given_]) == 3
    assert not names(tmp_path / "kept")


def test_warnings_of_the_caller_are_heard_while_a_file_is_being_read(tmp_path):
    write(tmp_path / "a.json", clusters(2))
    before = list(warnings.filters)
    for found in frames(str(tmp_path / "a.json")):
        assert not isinstance(found, Unreadable)
        assert warnings.filters == before


def test_a_pipe_in_a_folder_is_left_out_with_a_word(tmp_path):
    (tmp_path / "in").mkdir()
    save(tmp_path / "in/a.xyz", clusters(2))
    os.mkfifo(tmp_path / "in/q.xyz")
    for given_ in ("in", "in/*.xyz"):
        done = run(tmp_path, "batch", given_, "--optimizer", "lbfgs", "--out", "out")
        assert done.code == 0
        assert "left out, pipes and devices, which are read only where they are named: in/q.xyz" in done.err


def test_a_device_without_an_end_is_refused_and_an_empty_one_is_empty(tmp_path):
    for name, word in (("/dev/zero", "device"), ("/dev/null", "empty")):
        done = run(tmp_path, "energy", name)
        assert done.code == 3
        assert word in done.complaints[0]


@pytest.mark.parametrize("name", ["me@host/file.xyz", "me@host:file.xyz", "host@3.xyz"])
def test_a_file_of_another_host_is_none(tmp_path, name):
    (tmp_path / "me").mkdir()
    done = run(tmp_path, "energy", name)
    assert done.code == 3
    assert done.complaints[0].startswith(f"clusteropt: {name}: no such file: ")
    assert names(tmp_path) == {"me"}
