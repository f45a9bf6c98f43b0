"""`clusteropt minima`: what it lists, writes and takes over, and what it refuses."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from cli import frames_of, names, run
from minima import SYMBOLS, filled, found, minimum, opened, told

import clusteropt
from clusteropt.commands.shown import of_database
from clusteropt.database.records import RunInfo
from clusteropt.database.settings import Wanted
from clusteropt.errors import InputError, UsageError
from clusteropt.settings.views import ViewSettings

GROUPS = ["Oh", "C2v", "", "Cs", "C2v"]
PAGE = Path(__file__).parents[1] / "docs/reference/database.md"


@pytest.fixture
def folder(tmp_path):
    """Five minima of X7 with point groups in a.db."""
    with opened(tmp_path / "a.db") as database:
        number = database.begin_run(RunInfo("clusteropt search X7", SYMBOLS, 4))
        database.keep(number, [found(k, k + 1) for k in range(5)], GROUPS)
        database.end_run(number, 700, 1.25, "hops")
    return tmp_path


def rows(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def test_the_table_has_a_row_for_each_minimum_the_lowest_first(folder):
    done = run(folder, "minima", "a.db")
    head, *lines = rows(done.out)
    assert done.code == 0
    assert head[:3] == ["rank", "formula", "energy (epsilon)"]
    assert [line[:6] for line in lines[:2]] == [
        ["1", "X7", "-20.000000", "0.000000", "Oh", "1"],
        ["2", "X7", "-19.990000", "0.010000", "C2v", "2"],
    ]
    assert (len(lines), lines[2][4], done.err) == (5, "-", "")


def test_twenty_are_shown_and_all_are_written(tmp_path):
    filled(tmp_path / "a.db", [found(k) for k in range(23)])
    done = run(tmp_path, "minima", "a.db", "--export", "all.xyz")
    assert len(rows(done.out)) == 1 + 20
    assert done.err.splitlines() == ["23 minima written to all.xyz", "20 of 23 minima shown: --limit shows more"]
    assert len(frames_of(tmp_path / "all.xyz")) == len(run(tmp_path, "minima", "a.db", "--json").records) == 23
    assert len(rows(run(tmp_path, "minima", "a.db", "-n", "22", "-q").out)) == 1 + 22


@pytest.mark.parametrize(
    ("options", "ranks"),
    [
        ([], [1, 2, 3, 4, 5]),
        (["--within", "0.02001"], [1, 2, 3]),
        (["--within", "0"], [1]),
        (["--point-group", "c2v"], [2, 5]),
        (["--point-group", "C2v", "--limit", "1"], [2]),
        (["--point-group", "Ih"], []),
        (["--formula", "X7", "--limit", "2"], [1, 2]),
    ],
)
def test_the_options_choose_minima_whose_ranks_are_those_among_all(folder, options, ranks):
    records = run(folder, "minima", "a.db", "--json", *options).records
    assert [record["rank"] for record in records] == ranks
    assert [record["above_lowest"] for record in records] == pytest.approx([0.01 * (rank - 1) for rank in ranks])


def test_the_json_tells_all_that_is_known(folder):
    first, _, third, *_ = run(folder, "minima", "a.db", "--json").records
    assert first == {
        "rank": 1,
        "formula": "X7",
        "energy": minimum(0).energy,
        "above_lowest": 0.0,
        "fmax": minimum(0).fmax,
        "point_group": "Oh",
        "status": "converged",
        "inertia": first["inertia"],
        "times_reached": 1,
        "origin": "random start",
        "first_seen": first["first_seen"],
        "evaluations": 100,
        "clusteropt_version": clusteropt.__version__,
        "id": 1,
        "potential": "lj",
        "units": {"energy": "epsilon", "length": "sigma"},
    }
    assert third["point_group"] is None


def test_an_exported_file_has_all_digits_and_what_is_known(folder):
    assert run(folder, "minima", "a.db", "-o", "-", "--limit", "1").out.startswith("7\nProperties=")
    done = run(folder, "minima", "a.db", "--export", "out.xyz", "--quiet")
    assert (done.code, done.err) == (0, "")
    for number, atoms in enumerate(frames_of(folder / "out.xyz")):
        made = minimum(number)
        assert (atoms.positions == made.positions).all()
        assert (atoms.get_potential_energy(), atoms.info["times_reached"]) == (made.energy, number + 1)
        assert np.array_equal(atoms.get_forces(), made.forces)
        assert atoms.info.get("point_group", "") == GROUPS[number]


def lowest_file(text: str) -> list[tuple[int, float, int, np.ndarray]]:
    """Rank, energy, step and positions of each minimum, as programs read GMIN's file."""
    lines, found = text.splitlines(), []
    while lines:
        n_atoms, head = (
            int(lines[0]),
            re.fullmatch(r"Energy of minimum\s+(\d+)=\s*(\S+) first found at step\s+(\d+)", lines[1]),
        )
        assert head is not None
        atoms = [line.split() for line in lines[2 : 2 + n_atoms]]
        assert {row[0] for row in atoms} == {"X"}
        found.append((int(head[1]), float(head[2]), int(head[3]), np.array([row[1:] for row in atoms], float)))
        lines = lines[2 + n_atoms :]
    return found


@pytest.mark.parametrize("options", [["--export", "lowest"], ["-o", "b.txt", "--format", "gmin"]])
def test_the_file_lowest_of_gmin(folder, options):
    assert run(folder, "minima", "a.db", *options).code == 0
    read = lowest_file((folder / options[1]).read_text(encoding="utf-8"))
    assert [(rank, step) for rank, _, step, _ in read] == [(k + 1, 100 * (k + 1)) for k in range(5)]
    for number, (_, energy, _, positions) in enumerate(read):
        assert energy == pytest.approx(minimum(number).energy, abs=1e-10)
        assert positions == pytest.approx(minimum(number).positions, abs=1e-10)


def test_an_existing_file_is_overwritten_by_force_only(folder):
    (folder / "out.xyz").write_text("precious", encoding="utf-8")
    done = run(folder, "minima", "a.db", "--export", "out.xyz")
    assert done.code == 2
    assert "choose another name with --export, or overwrite it with --force" in done.complaints[0]
    assert (folder / "out.xyz").read_text(encoding="utf-8") == "precious"
    assert run(folder, "minima", "a.db", "--export", "out.xyz", "--force").code == 0
    assert len(frames_of(folder / "out.xyz")) == 5


def test_other_databases_are_taken_over_once(folder):
    filled(folder / "b.db", [found(k) for k in (4, 5, 6)])
    filled(folder / "c.db", [found(6)])
    done = run(folder, "minima", "a.db", "--merge", "b.db", "c.db", "--limit", "1")
    assert done.code == 0
    assert done.err.splitlines()[:2] == [
        "b.db: 2 new minima of 3, 1 new run of 1",
        "c.db: 0 new minima of 1, 1 new run of 1",
    ]
    merged = {-20.0: 1, -19.99: 2, -19.98: 3, -19.97: 4, -19.96: 6, -19.95: 1, -19.94: 2}
    assert told(folder / "a.db") == merged
    run(folder, "minima", "a.db", "--merge", "b.db", "c.db")
    assert told(folder / "a.db") == merged
    assert run(folder, "minima", "new.db", "--merge", "a.db", "c.db").code == 0
    assert told(folder / "new.db") == merged


def test_the_runs_are_listed_with_their_bests(folder):
    head, line = rows(run(folder, "minima", "a.db", "--runs").out)
    assert dict(zip(head, line, strict=True))["minima"] == "5"
    assert "clusteropt search X7" in line
    (record,) = run(folder, "minima", "a.db", "--runs", "--json").records
    assert (record["seed"], record["evaluations"], record["seconds"], record["stopped_by"]) == (4, 700, 1.25, "hops")
    assert record["bests"] == [{"energy": minimum(0).energy, "evaluations": 100, "seconds": 0.1}]
    assert [hit["evaluations"] for hit in record["first_hits"]] == [100, 200, 300, 400, 500]
    assert run(folder, "minima", "a.db", "--runs", "--json", "--formula", "X8").records == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.db"], 3, "none.db: no such file: check the name"),
        (["a.db", "none.db"], 2, "--merge takes the others over into a.db"),
        (["a.db", "--merge"], 2, "--merge needs the databases to take over"),
        (["a.db", "--merge", "none.db"], 3, "none.db: no such file"),
        (["new.db", "--merge", "none.db"], 3, "none.db: no such file"),
        (["a.db", "--merge", "a.db"], 2, "a.db: is the database to merge into"),
        (["a.db", "--merge", "morse.db"], 2, "morse.db: holds minima of the potential morse-rho6, not of lj"),
        (["a.db", "--merge", "b.db", "morse.db"], 2, "morse.db: holds minima of the potential morse-rho6, not of lj"),
        (["new.db", "--merge", "b.db", "morse.db"], 2, "morse.db: holds minima of the potential morse-rho6, not of lj"),
        (["new.db", "--merge", "b.db", "none.db"], 3, "none.db: no such file"),
        (["a.db", "--formula", "X8"], 3, "a.db: there are no minima of X8: it holds those of X7"),
        (["a.db", "--formula", "gold"], 2, "'gold' is not a chemical formula"),
        (["a.db", "--within", "-1"], 2, "within must not be negative"),
        (["a.db", "--limit", "0"], 2, "limit must be at least 1"),
        (["a.db", "--point-group", "Foo"], 2, "point-group cannot be 'Foo'; allowed: C1, Cs"),
        (["a.db", "--format", "gmim", "-o", "b"], 2, "did you mean 'gmin'?"),
        (["a.db", "--format", "gmin"], 2, "--format is for --export"),
        (["a.db", "--runs", "-o", "b.xyz"], 2, "drop one of them"),
    ],
)
def test_what_cannot_be_done_ends_in_one_line_and_changes_nothing(folder, arguments, code, words):
    opened(folder / "morse.db", potential="morse-rho6").close()
    filled(folder / "b.db", [found(7)])
    before, known = names(folder), told(folder / "a.db")
    done = run(folder, "minima", *arguments)
    assert (done.code, done.out) == (code, "")
    (line,) = done.complaints
    assert words in line
    assert (names(folder), told(folder / "a.db")) == (before, known)


def test_python_programs_get_atoms(folder):
    lowest, second = clusteropt.minima(folder / "a.db", within=0.015)
    assert lowest.get_potential_energy() == minimum(0).energy
    assert (second.info["point_group"], second.info["times_reached"]) == ("C2v", 2)
    assert len(clusteropt.minima(str(folder / "a.db"), "X7", point_group="C2v", limit=1)) == 1
    with pytest.raises(UsageError, match="limit must be at least 1"):
        clusteropt.minima(folder / "a.db", limit=0)
    with pytest.raises(InputError, match="no such file"):
        clusteropt.minima(folder / "b.db")


def test_ase_opens_the_rows_by_number_and_by_query(folder):
    energies = [atoms.get_potential_energy() for atoms in ase.io.read(f"{folder}/a.db@point_group=C2v")]
    assert energies == [minimum(k).energy for k in (1, 4)]
    assert len(ase.io.read(f"{folder}/a.db@0:3")) == 3


def test_the_lines_of_the_guide_for_ase_work_on_a_database(tmp_path, monkeypatch):
    """The commands of clusteropt itself are run with those of all other pages."""
    lines = "".join(
        re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    ).splitlines()
    with opened(tmp_path / "Au38.minima.db") as database:
        database.keep(database.begin_run(RunInfo("search", SYMBOLS, 0)), [found(k, k + 1) for k in range(5)], GROUPS)
    monkeypatch.chdir(tmp_path)
    for line in lines:
        _, *arguments = shlex.split(line)
        if arguments[0] == "gui":
            assert len(ase.io.read(arguments[1])) == 2
        else:
            done = subprocess.run([sys.executable, "-m", "ase", *arguments], capture_output=True, text=True, check=True)
            assert "point_group" in done.stdout, line
    assert [shlex.split(line)[1] for line in lines] == ["db", "db", "gui"]


@pytest.mark.parametrize(
    "symbol", ["C1", "cs", "Ci", "C2v", "C13h", "D5d", "S4", "S10", "Th", "Oh", "I", "Kh", "Cinfv", "Dinfh"]
)
def test_every_kind_of_point_group_can_be_asked_for(symbol):
    assert Wanted(point_group=symbol).point_group == symbol


@pytest.mark.parametrize("symbol", ["C", "C0", "Ch", "C02v", "Dv", "S3", "S0", "Tv", "Cinfh", "Dinfv", "Foo"])
def test_symbols_of_no_point_group_are_refused(symbol):
    with pytest.raises(UsageError, match=f"point_group cannot be '{symbol}'"):
        Wanted(point_group=symbol)


def test_certificates_are_told_by_tables_pages_and_pictures(tmp_path):
    with opened(tmp_path / "a.db") as database:
        number = database.begin_run(RunInfo("clusteropt search X7", SYMBOLS, 4))
        database.keep(number, [found(k) for k in range(3)], GROUPS[:3], ["minimum", "fragmented", ""])
    head, *lines = rows(run(tmp_path, "minima", "a.db").out)
    column = head.index("status")
    assert [line[column] for line in lines] == ["minimum", "fragmented", "converged"]
    assert run(tmp_path, "report", "a.db", "-o", "a.html").code == 0
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<th" in page
    assert page.count("fragmented") >= 2  # in the table, and below the structure
    notes = [one.picture.note for one in of_database(tmp_path / "a.db", "a.db", ViewSettings())]
    assert ["fragmented" in note for note in notes] == [False, True, False]
