"""`clusteropt grow`: what a series finds, from where it starts and goes on, and what it refuses."""

import json
import shutil
import signal
import time

import pytest
from cli import Outcome, finish, frames_of, names, run, spawn

from clusteropt.database.database import Database
from clusteropt.finding.series import Series
from clusteropt.io.best_known import table_energy

TINY = ("--evaluations", "1", "--no-certify")  # one round of chains for each size


def told(done: Outcome) -> list[dict]:
    assert done.code == 0, done.err
    return json.loads(done.out)


def runs_of(path) -> list[str]:
    """The formulas of all runs, in their order."""
    with Database.open(path, create=False) as database:
        return [one.formula for one in database.runs()]


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """The folder where LJ 5-8 was grown for all tests."""
    folder = tmp_path_factory.mktemp("grown")
    told(run(folder, "grow", "LJ", "5-8", *TINY, "--json"))
    return folder


@pytest.fixture
def grown(once, tmp_path):
    """A folder where LJ 5-8 was grown, of a test's own."""
    return shutil.copytree(once, tmp_path, dirs_exist_ok=True)


@pytest.mark.slow
def test_a_series_reaches_the_best_known_energies_and_marks_thirteen(tmp_path):
    done = run(tmp_path, "grow", "LJ", "2-14", *TINY, "--picture", "lj.png")
    assert (done.code, names(tmp_path)) == (0, {"X2-14.min.xyz", "X2-14.minima.db", "lj.png"})
    heading, *rows = done.out.splitlines()
    assert heading.split()[:2] == ["N", "energy"]
    assert [row.split()[0] for row in rows if "magic" in row] == ["7", "13"]
    assert all("reached" in row for row in rows)
    frames = frames_of(tmp_path / "X2-14.min.xyz")
    assert [len(one) for one in frames] == [*range(2, 15)]
    for row, own in zip(rows, frames, strict=True):
        assert float(row.split()[1]) == pytest.approx(own.get_potential_energy(), abs=1e-6)
        assert own.get_potential_energy() == pytest.approx(table_energy("lj", ["X"] * len(own)), abs=2e-6)
    assert frames[11].info["point_group"] == "Ih"
    assert (tmp_path / "lj.png").read_bytes().startswith(b"\x89PNG")
    assert done.err.count("best-known minimum reached; stopped by: limit of evaluations") == 13


def test_json_tells_of_every_size(grown):
    rows = told(run(grown, "grow", "LJ", "5-8", *TINY, "--json"))
    energies = [one["energy"] for one in rows]
    assert energies == pytest.approx([-9.103852, -12.712062, -16.505384, -19.821489], abs=1e-6)
    assert [one["second_difference"] for one in rows[::3]] == [None, None]
    assert rows[1]["second_difference"] == pytest.approx(energies[0] + energies[2] - 2 * energies[1])
    assert [one["magic"] for one in rows] == [False, False, True, False]
    assert [one["point_group"] for one in rows] == ["D3h", "Oh", "D5h", "Cs"]
    assert all(one["best_known"] == "reached" and one["times_reached"] > 0 for one in rows)
    assert all(one["energy_per_atom"] == pytest.approx(one["energy"] / one["n_atoms"]) for one in rows)


@pytest.mark.slow
def test_starts_from_neighbours_find_what_one_round_of_chains_does_not(tmp_path):
    alone = [json.loads(run(tmp_path, "search", f"LJ{n}", *TINY, "--json", "--no-db").out) for n in (35, 37)]
    rows = told(run(tmp_path, "grow", "LJ", "34-38", *TINY, "--json"))
    assert [one["best_known"] for one in alone] == ["above", "above"]
    assert [one["best_known"] for one in rows] == ["reached"] * 5


def test_the_same_command_searches_no_size_again_and_more_sizes_go_on(tmp_path):
    path = tmp_path / "X6-7.minima.db"
    told(run(tmp_path, "grow", "LJ", "6-7", *TINY, "--json"))
    assert runs_of(path) == ["X6", "X7"]
    again = run(tmp_path, "grow", "LJ", "6-7", *TINY)
    assert "goes on from 2 finished sizes in X6-7.minima.db" in again.err
    assert runs_of(path) == ["X6", "X7"]
    told(run(tmp_path, "grow", "LJ", "5-8", *TINY, "--db", path, "--json"))
    assert runs_of(path)[2:] == ["X5", "X8"]
    told(run(tmp_path, "grow", "LJ", "6-7", *TINY, "--seed", "1", "--json"))
    assert len(runs_of(path)) == 6


def test_a_size_that_its_larger_neighbour_improves_is_searched_again(grown, monkeypatch):
    asked, improves = [], Series.improves

    def once(self, n):
        asked.append(n)
        return asked.count(6) == 1 == n - 5 or improves(self, n)

    monkeypatch.setattr(Series, "improves", once)
    told(run(grown, "grow", "LJ", "5-8", *TINY, "--json"))
    assert asked == [8, 7, 6, 5, 5, 6, 7, 8]
    assert runs_of(grown / "X5-8.minima.db")[4:] == ["X6"]


def test_only_what_lies_lower_improves_a_size(grown):
    from clusteropt.finding.searching import composition_of

    with Database.open(grown / "X5-8.minima.db") as database:
        series = Series({n: composition_of(f"X{n}", None) for n in range(4, 10)}, database)
        assert [series.improves(n) for n in range(4, 10)] == [True, False, False, False, False, True]
        assert series.lowest(4) is None


def test_a_signal_keeps_what_is_finished_and_the_same_command_goes_on(tmp_path):
    command = ("grow", "LJ", "6-8", "--time-limit", "30", "--confirm", "1000000", "--threads", "2")
    first = ("grow", "LJ", "6-8", "--evaluations", "1", "--threads", "2")
    with spawn(tmp_path, *first) as process:
        assert any("X6: -12.712062" in line for line in process.stderr or ())
        process.send_signal(signal.SIGTERM)
        done = finish(process)
    assert done.code == 75, done.err
    assert len(done.complaints) == 1
    assert "of 3 sizes" in done.complaints[0]
    assert "the same command goes on" in done.complaints[0]
    assert [row.split()[1] for row in done.out.splitlines()[1:2]] == ["-12.712062"]
    env = {"SLURM_JOB_END_TIME": str(int(time.time() + 60 + 6))}
    with spawn(tmp_path, *command, env=env) as process:
        done = finish(process)
    assert (done.code, "stopped (time limit)" in done.err) == (75, True), done.err
    assert {"X6-8.min.xyz", "X6-8.minima.db"} == names(tmp_path)


def test_a_full_disk_is_told_and_the_exit_code_is_one(tmp_path, monkeypatch):
    from clusteropt.commands import grow_tasks
    from clusteropt.errors import ClusterOptError

    def full(path, content):
        raise ClusterOptError(f"{path}: cannot be written: No space left on device: make room")

    monkeypatch.setattr(grow_tasks, "write_atomically", full)
    done = run(tmp_path, "grow", "LJ", "5-6", *TINY)
    assert done.code == 1
    assert set(done.complaints) == {"clusteropt: X5-6.min.xyz: cannot be written: No space left on device: make room"}
    assert len(done.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "grow needs an element and sizes, such as `clusteropt grow LJ 2-60`"),
        (["LJ"], 2, "grow needs an element and sizes"),
        (["2-60"], 2, "grow needs an element and sizes"),
        (["LJ38", "2-5"], 2, "'LJ38' is not an element"),
        (["AgCu", "2-5"], 2, "'AgCu' is not an element"),
        (["Qq", "2-5"], 2, "'Qq' is not an element"),
        (["Pu", "2-5"], 2, "no default potential for Pu"),
        (["LJ", "60-2"], 2, "sizes 60-2: the largest comes last: write 2-60"),
        (["LJ", "0-5"], 2, "sizes 0-5: the smallest cluster has two atoms"),
        (["LJ", "1-5"], 2, "sizes 1-5: the smallest cluster has two atoms"),
        (["LJ", "0"], 2, "'0' is no range of sizes: write the smallest and the largest, as 2-60"),
        (["LJ", "13"], 2, "'13' is no range of sizes"),
        (["LJ", "13-13"], 2, "sizes 13-13: a series has two sizes at least"),
        (["LJ", "2-5", "--time-limit", "soon"], 2, "--time-limit cannot be 'soon'"),
        (["LJ", "2-5", "--picture", "lj.pdf"], 2, "lj.pdf: the picture is a PNG file"),
        (["LJ", "2-5", "--out", "-"], 2, "--out cannot be '-'"),
        (["LJ", "2-5", "--out", "mine.xyz"], 2, "mine.xyz: exists already"),
        (["LJ", "2-5", "--db", "mine.xyz"], 3, "mine.xyz: is not a database"),
    ],
)
def test_what_cannot_be_grown_is_said_in_a_line(tmp_path, arguments, code, words):
    (tmp_path / "mine.xyz").write_text("a file of the user's, longer than a header of a hundred bytes would be" * 2)
    done = run(tmp_path, "grow", *arguments)
    assert (done.code, len(done.complaints), done.out) == (code, 1, "")
    assert words in done.complaints[0]
    assert "Traceback" not in done.err
    assert names(tmp_path) == {"mine.xyz"}
