"""`clusteropt search`: what it finds, writes and goes on from, and what it refuses."""

import json
import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest
from ase import Atoms
from ase.io import read
from cli import Outcome, call, finish, frames_of, names, run, save, spawn

from clusteropt.clusters.pointgroups import point_group
from clusteropt.commands.search_files import SearchFiles
from clusteropt.commands.search_tasks import Work, announcements
from clusteropt.database import opening
from clusteropt.database.database import Database
from clusteropt.database.records import RunInfo
from clusteropt.exploration.composition import Kit
from clusteropt.finding import proving, searching
from clusteropt.finding.searching import composition_of
from clusteropt.finding.under_way import Finding, Task
from clusteropt.io.best_known import best_known
from clusteropt.potentials import sets
from clusteropt.settings.exploration import ExplorationSettings

QUICK = ("--evaluations", "20000", "--no-certify")
BOTH = ("search", "LJ7", *QUICK, "--db", "both.db", "--json", "--threads", "2")
X7 = (
    -16.505384,
    -15.935043,
    -15.593211,
    -15.533060,
)  # all minima (C. J. Tsai and K. D. Jordan, doi:10.1021/j100145a019)


def told(done: Outcome) -> dict:
    assert done.code == 0, done.err
    return json.loads(done.out)


def energies(done: Outcome) -> list[float]:
    return [one["energy"] for one in told(done)["minima"]]


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """The folder where LJ7 was searched for all tests."""
    folder = tmp_path_factory.mktemp("searched")
    told(run(folder, "search", "LJ7", *QUICK, "--json"))
    return folder


@pytest.fixture
def searched(once, tmp_path):
    """A folder where LJ7 was searched, of a test's own."""
    return shutil.copytree(once, tmp_path, dirs_exist_ok=True)


def test_all_minima_of_seven_atoms_are_found_written_and_kept(tmp_path):
    done = run(tmp_path, "search", "LJ7", *QUICK)
    assert (done.code, names(tmp_path)) == (0, {"X7.min.xyz", "X7.minima.db"})
    (lowest,) = frames_of(tmp_path / "X7.min.xyz")
    assert lowest.get_potential_energy() == pytest.approx(X7[0], abs=1e-6)
    assert np.linalg.norm(lowest.get_forces(), axis=1).max() < 1e-4
    assert (lowest.info["point_group"], lowest.info["potential"]) == ("D5h", "lj")
    heading, about, columns, *rows = done.out.splitlines()
    assert heading == "X7, potential lj: best-known minimum reached"
    assert "stopped by: limit of evaluations" in about
    assert columns.split()[:2] == ["rank", "energy"]
    assert [row.split()[:2] for row in rows] == [[str(k), f"{e:.6f}"] for k, e in enumerate(X7, 1)]
    with Database.open(tmp_path / "X7.minima.db") as database:
        kept, (own,) = database.entries("X7"), database.runs()
    assert [one.energy for one in kept] == pytest.approx(X7, abs=1e-6)
    assert [one.point_group for one in kept] == ["D5h", "C3v", "C3v", "C2"]
    assert (own.stopped_by, own.seed) == ("evaluations", 0)
    assert own.command.startswith("clusteropt search LJ7")


def test_json_tells_all_about_a_search(tmp_path):
    found = told(run(tmp_path, "search", "LJ7", *QUICK, "--json", "--seed", "3"))
    assert (found["formula"], found["potential"], found["seed"]) == ("X7", "lj", 3)
    assert (found["stopped_by"], found["status"], found["best_known"]) == ("evaluations", "converged", "reached")
    assert found["energy"] == found["minima"][0]["energy"] == pytest.approx(X7[0], abs=1e-6)
    assert found["above_best_known"] == pytest.approx(0, abs=2e-6)
    assert 0 < found["evaluations_to_best"] <= found["evaluations"] >= 20000
    assert 0 < found["seconds_to_best"] <= found["seconds"]
    assert found["times_reached"] == found["minima"][0]["times_reached"] > 0
    assert 0 < found["missed"] < 1
    assert all({"energy", "point_group", "times_reached", "origin", "status"} <= {*one} for one in found["minima"])


def test_several_formulas_are_a_list_and_have_files_of_their_own(tmp_path):
    found = told(run(tmp_path, "search", "Cu6", "LJ7", *QUICK, "--json"))
    assert [one["formula"] for one in found] == ["Cu6", "X7"]
    assert names(tmp_path) == {f"{formula}{end}" for formula in ("Cu6", "X7") for end in (".min.xyz", ".minima.db")}
    assert found[0]["energy"] == pytest.approx(best_known(sets.potential_for(("Cu",)), ["Cu"] * 6), abs=2e-6)


def test_an_alloy_is_named_by_its_elements_in_alphabetical_order(tmp_path):
    assert told(run(tmp_path, "search", "Pd2Ag4", *QUICK, "--optimizer", "none", "--json"))["formula"] == "Ag4Pd2"
    (lowest,) = frames_of(tmp_path / "Ag4Pd2.min.xyz")
    assert lowest.get_chemical_symbols() == ["Ag"] * 4 + ["Pd"] * 2
    assert lowest.info["potential"] == sets.potential_for(("Ag", "Pd")).name


@pytest.mark.parametrize(("formula", "lowest"), [("LJ2", -1.0), ("X3", -3.0), ("X4", -6.0), ("Ar2", None)])
def test_the_smallest_clusters_have_one_minimum(tmp_path, formula, lowest):
    found = told(run(tmp_path, "search", formula, "--json", "--no-db"))
    assert (len(found["minima"]), found["stopped_by"]) == (1, "confirmed")
    assert lowest is None or found["energy"] == pytest.approx(lowest, abs=1e-6)
    assert found["best_known"] == "reached"


def test_without_an_optimizer_nothing_learned_takes_part(tmp_path):
    found = told(run(tmp_path, "search", "LJ7", *QUICK, "--optimizer", "none", "--json"))
    assert found["energy"] == pytest.approx(X7[0], abs=1e-6)
    assert not any("learned" in one["origin"] for one in found["minima"])


@pytest.mark.parametrize(
    ("options", "stopped_by"),
    [
        (["--target", "-16.5"], "target"),
        (["--confirm", "3"], "confirmed"),
        (["--evaluations", "1"], "evaluations"),
        (["--time-limit", "0.001", "--confirm", "0"], "time"),
        (["--evaluations", "100000", "--confirm", "3"], "confirmed"),
    ],
)
def test_the_first_limit_ends_a_search(tmp_path, options, stopped_by):
    found = told(run(tmp_path, "search", "LJ7", *options, "--json"))
    assert found["stopped_by"] == stopped_by
    assert found["energy"] == pytest.approx(X7[0], abs=1e-6)


def test_a_target_that_nobody_has_reached_is_doubted_and_the_time_limit_ends_the_search(tmp_path):
    done = run(tmp_path, "search", "LJ7", "--target", "-17", "--time-limit", "1")
    assert "warning: --target -17 lies below the best-known energy, -16.505384" in done.err
    assert (done.code, "stopped by: time limit" in done.out) == (0, True)


def test_a_search_that_does_not_fit_into_memory_is_refused_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "free_memory", lambda: 1e9)
    done = run(tmp_path, "search", "Cu100000")
    assert (done.code, len(done.complaints), names(tmp_path)) == (2, 1, set())
    assert "Cu100000: a search needs about 6.1 GB of memory, and 1.0 GB are free: ask for" in done.complaints[0]


def test_a_first_round_that_takes_longer_than_the_limit_is_announced():
    def said(formula, seconds):
        kit = Kit(composition_of(formula, None), None)
        work = Work(Task(kit, ExplorationSettings(), seconds), SearchFiles(None, None))
        return [line for line in announcements(work, 0) if "first round" in line]

    assert (len(said("Cu5000", 10.0)), said("Cu5000", None), said("Cu55", 600.0)) == (1, [], [])


def test_the_same_command_goes_on_and_its_answer_is_never_above_the_database(searched):
    before = frames_of(searched / "X7.min.xyz")[0]
    done = run(searched, "search", "LJ7", "--evaluations", "1", "--seed", "1", "--optimizer", "none", "--json")
    assert "goes on from 4 minima in X7.minima.db" in done.err
    assert energies(done) == pytest.approx(X7, abs=1e-6)
    assert frames_of(searched / "X7.min.xyz")[0].get_potential_energy() <= before.get_potential_energy()
    with Database.open(searched / "X7.minima.db") as database:
        runs = [{hit.energy for hit in database.hits(own.uuid)} for own in database.runs()]
        total = {one.energy: one.n_reached for one in database.entries()}
    reached = {one["energy"]: one["times_reached"] for one in told(done)["minima"]}
    assert runs[1] == {energy for energy, times in reached.items() if times}
    assert all(total[energy] > times for energy, times in reached.items())


def test_a_run_does_not_count_the_work_of_those_that_found_what_it_only_knows(searched):
    with Database.open(searched / "X7.minima.db", sets.potential_for(("X",))) as database:
        lowest = database.minima("X7")[0]
        rival = lowest._replace(minimum=lowest.minimum._replace(energy=-99.0, positions=2 * lowest.minimum.positions))
        others = rival._replace(n_evaluations=10**9, seconds=1e6)
        database.keep(database.begin_run(RunInfo("a test", ("X",) * 7, 0)), [others])
    found = told(run(searched, "search", "LJ7", *QUICK, "--json"))
    with Database.open(searched / "X7.minima.db") as database:
        last = database.runs()[-1]
    assert (last.n_evaluations, last.seconds) == (found["evaluations"], found["seconds"])


def test_a_minimum_that_only_the_database_knows_was_not_reached(searched):
    with Database.open(searched / "X7.minima.db", sets.potential_for(("X",))) as database:
        lowest = database.minima("X7")[0]
        rival = lowest._replace(minimum=lowest.minimum._replace(energy=-99.0, positions=2 * lowest.minimum.positions))
        database.keep(database.begin_run(RunInfo("a test", ("X",) * 7, 0)), [rival])
    found = told(run(searched, "search", "LJ7", *QUICK, "--json"))
    assert (found["energy"], found["times_reached"], found["evaluations_to_best"]) == (-99.0, 0, None)
    assert found["best_known"] == "below"
    assert "new best, please check" in run(searched, "search", "LJ7", *QUICK).out


def test_one_database_may_serve_several_formulas_of_one_potential(tmp_path):
    told(run(tmp_path, "search", "LJ4", "LJ7", *QUICK, "--db", "all.db", "--json"))
    with Database.open(tmp_path / "all.db") as database:
        assert {one.formula for one in database.entries()} == {"X4", "X7"}
    assert names(tmp_path) == {"X4.min.xyz", "X7.min.xyz", "all.db"}


def test_structures_to_start_from_name_the_composition_and_their_order_does_not_matter(searched):
    given = read(searched / "X7.min.xyz")
    save(searched / "seeds.xyz", [given, given[::-1]])
    found = told(run(searched, "search", "--from", "seeds.xyz", "--evaluations", "1", "--no-db", "--json"))
    assert found["minima"][0]["origin"] == "given structure"
    assert found["energy"] == pytest.approx(X7[0], abs=1e-6)


def test_no_more_minima_are_kept_than_asked_for(tmp_path):
    assert energies(run(tmp_path, "search", "LJ7", *QUICK, "--keep", "2", "--json")) == pytest.approx(X7[:2], abs=1e-6)


def test_the_lowest_minimum_can_go_elsewhere(tmp_path):
    done = run(tmp_path, "search", "LJ4", "--no-db", "--out", "-", "--quiet")
    assert (done.code, done.err, done.out.splitlines()[0], names(tmp_path)) == (0, "", "4", set())
    run(tmp_path, "search", "LJ4", "--no-db", "--out", "mine.xyz")
    assert names(tmp_path) == {"mine.xyz"}


def test_what_is_found_is_a_minimum_and_no_saddle_point_although_starts_are_symmetric(tmp_path):
    found = told(run(tmp_path, "search", "Ag4Cu4", "--optimizer", "none", "--evaluations", "20000", "--json"))
    assert [one["status"] for one in found["minima"][:11]] == ["minimum"] * 10 + ["converged"]


def test_without_certificates_the_heading_and_the_statuses_say_so(searched):
    plain = run(searched, "search", "LJ7", "--evaluations", "1", "--no-certify")
    proven = run(searched, "search", "LJ7", "--time-limit", "0.001")
    assert plain.out.splitlines()[1].endswith("; not certified")
    assert "not certified" not in proven.out
    assert [{row.split()[-1] for row in done.out.splitlines()[3:]} for done in (plain, proven)] == [
        {"converged"},
        {"minimum"},
    ]


def test_symmetrized_minima_are_certified_exactly_symmetric_and_never_higher(tmp_path):
    one, other = (
        told(run(tmp_path, "search", "LJ7", *QUICK, "--no-db", "--force", "--json", *more))["minima"]
        for more in ([], ["--symmetrize"])
    )
    assert all(even["energy"] <= plain["energy"] + 1e-9 for plain, even in zip(one, other, strict=True))
    assert [even["status"] for even in other] == ["minimum"] * 4
    positions = frames_of(tmp_path / "X7.min.xyz")[0].positions
    assert point_group(positions, np.zeros(7), 1.0, tolerance=1e-10).symbol == "D5h"


def test_settings_come_from_a_file_and_the_command_line_wins(tmp_path):
    (tmp_path / "settings.toml").write_text("evaluations = 30000\nseed = 5\nkeep = 2\n")
    found = told(run(tmp_path, "search", "LJ7", "--config", "settings.toml", "--seed", "6", "--json"))
    assert (found["seed"], found["stopped_by"], len(found["minima"])) == (6, "evaluations", 2)
    assert found["evaluations"] >= 30000


def test_a_file_of_somebody_else_is_replaced_only_with_force(tmp_path):
    save(tmp_path / "X7.min.xyz", Atoms("X"))
    done = run(tmp_path, "search", "LJ7", *QUICK)
    assert (done.code, len(frames_of(tmp_path / "X7.min.xyz")[0])) == (2, 1)
    assert "exists already" in done.complaints[0]
    assert run(tmp_path, "search", "LJ7", *QUICK, "--force").code == 0
    assert run(tmp_path, "search", "LJ7", *QUICK).code == 0


@pytest.mark.parametrize("command", [("search", "Cu6"), ("grow", "Cu", "5-6")])
def test_a_result_by_another_potential_is_replaced_only_with_force(tmp_path, command):
    quick = ("--evaluations", "150", "--no-certify", "-q")
    assert run(tmp_path, *command, *quick).code == 0
    (file,) = tmp_path.glob("*.min.xyz")
    before, other = file.read_bytes(), (*command, *quick, "--calculator", "emt")
    done = run(tmp_path, *other, "--db", "emt.db")
    assert (done.code, file.read_bytes()) == (2, before)
    assert "by another potential: name another file with --out (and --db for the minima)" in done.complaints[0]
    done = run(tmp_path, *other, "--out", "emt.xyz")
    assert (done.code, "not of emt: name another file for this one with --db FILE" in done.complaints[0]) == (2, True)
    assert run(tmp_path, *other, "--db", "emt.db", "--out", "emt.xyz").code == 0
    assert run(tmp_path, *other, "--db", "emt.db", "--out", "emt.xyz").code == 0
    assert run(tmp_path, *other, "--db", "emt.db", "--force").code == 0
    assert file.read_bytes() != before


def test_the_same_seed_gives_the_same_bits_on_any_number_of_cores(tmp_path):
    texts = []
    for threads in ("1", "2"):
        folder = tmp_path / threads
        folder.mkdir()
        done = call(folder, "search", "LJ7", "--evaluations", "100000", "--threads", threads, "--json")
        found = told(done)
        for name in ("seconds", "seconds_to_best", "compiled"):
            del found[name]
        texts.append((json.dumps(found), (folder / "X7.min.xyz").read_text()))
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "needs a formula"),
        ([""], 2, "is not a chemical formula"),
        (["LJ0"], 2, "'LJ0' is not a chemical formula"),
        (["LJ1"], 2, "one atom has one structure"),
        (["Xx5"], 2, "'Xx5' is not a chemical formula"),
        (["C60"], 2, "no default potential for C"),
        (["X7", "LJ7"], 2, "X7 is asked for twice"),
        (["X7", "--from", "none.xyz"], 3, "none.xyz: no such file"),
        (["X8", "--from", "seven.xyz"], 2, "seven.xyz: has the atoms X7, and the search is for X8"),
        (["X7", "--db", "none/a.db"], 2, "the folder none does not exist"),
        (["X7", "--db", "text.db"], 3, "text.db: is not a database"),
        (["X7", "--db", "short.db"], 3, "short.db: is damaged or cut off"),
        (["X7", "--db", "newer.db"], 3, "newer.db: is of schema 99"),
        (["Cu6", "--db", "X7.minima.db"], 2, "holds minima of the potential lj"),
        (["Cu6", "X8", "--db", "new.db"], 2, "--db keeps minima of one potential"),
        (["X7", "--db", "a.db", "--no-db"], 2, "drop one of them"),
        (["X7", "X8", "--out", "a.xyz"], 2, "--out names one file"),
        (["X7", "--out", "-", "--json"], 2, "both write to standard output"),
        (["X7", "--time-limit", "soon"], 2, "--time-limit cannot be 'soon'"),
        (["X7", "--time-limit", "-5"], 2, "--time-limit must be above 0, got -5"),
        (["X7", "--time-limit", "0s"], 2, "--time-limit must be above 0, got 0s"),
        (["seven.xyz"], 2, "is a file, and a formula is wanted: --from seven.xyz starts"),
        (["X7", "--db", "/dev/null"], 2, "/dev/null: is not a regular file"),
        (["X7", "--out", "/dev/zero"], 2, "/dev/zero: is not a regular file"),
        (["X7", "--target", "nan"], 2, ": --target must be a finite number"),
        (["X7", "--optimizer", "lbfgs"], 2, ": --optimizer cannot be 'lbfgs'"),
        (["X7", "--keep", "0"], 2, ": --keep must be at least 1"),
        (["X7", "--confirm", "-1"], 2, ": --confirm must not be negative, got -1"),
        (["au38"], 2, "'au38' is not a chemical formula: did you mean Au38? write one as"),
        (["ag20CU18"], 2, "did you mean Ag20Cu18?"),
        (["lj38"], 2, "did you mean LJ38?"),
        (["gold38"], 2, "'gold38' is not a chemical formula: write one as"),
        (["Cu1000000000000"], 2, "has more than 1,000,000 atoms"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line_before_anything_is_written(searched, arguments, code, words):
    (searched / "text.db").write_text("no database\n" * 100)
    database = (searched / "X7.minima.db").read_bytes()
    (searched / "short.db").write_bytes(database[: len(database) // 2])
    (searched / "newer.db").write_bytes(database)
    with closing(sqlite3.connect(searched / "newer.db")) as newer:
        newer.execute("UPDATE clusteropt_meta SET value = '99' WHERE name = 'schema'")
        newer.commit()
    (searched / "X7.min.xyz").rename(searched / "seven.xyz")
    before = names(searched)
    done = run(searched, "search", *arguments, *([] if "--time-limit" in arguments else QUICK))
    assert done.code == code, done.err
    assert (len(done.complaints), done.out) == (1, "")
    assert words in done.complaints[0]
    assert names(searched) == before


def test_a_table_of_ones_own_says_what_is_known(tmp_path):
    (tmp_path / "mine.csv").write_text("# a remark\npotential,formula,energy,source\nlj,LJ7,-17.5,a dream\n")
    found = told(run(tmp_path, "search", "LJ7", *QUICK, "--json", "--best-known", "mine.csv"))
    assert (found["best_known"], found["above_best_known"]) == ("above", pytest.approx(17.5 + X7[0], abs=1e-6))
    assert "above the best known by 0.994616 epsilon" in run(tmp_path, "search", "X7", "--best-known", "mine.csv").out
    assert told(run(tmp_path, "search", "X4", *QUICK, "--json", "--best-known", "mine.csv"))["best_known"] == "reached"


@pytest.mark.parametrize("text", ["potential,formula\nlj,X7\n", "potential,formula,energy\nlj,X7,low\n", "\0", None])
def test_a_table_that_is_none_is_refused_in_a_line(tmp_path, text):
    if text is not None:
        (tmp_path / "mine.csv").write_text(text)
    done = run(tmp_path, "search", "LJ7", *QUICK, "--best-known", "mine.csv")
    assert (done.code, len(done.complaints)) == (3, 1)
    assert done.complaints[0].startswith("clusteropt: mine.csv: ")


def test_a_number_is_wanted_for_the_target(tmp_path):
    assert run(tmp_path, "search", "LJ7", "--target", "low").code == 2


def test_a_file_that_is_missing_and_named_like_a_formula_may_be_meant_as_one(tmp_path):
    done = run(tmp_path, "minimize", "Au20")
    assert (done.code, len(done.complaints)) == (3, 1)
    assert "clusteropt search Au20" in done.complaints[0]
    assert "clusteropt search" not in run(tmp_path, "minimize", "au20.xyz").err


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_database_that_cannot_be_written_is_refused(searched):
    (searched / "X7.minima.db").chmod(0o400)
    done = run(searched, "search", "LJ7", *QUICK)
    assert done.code == 2
    assert "cannot be opened for writing" in done.complaints[0]


def test_a_database_that_another_program_holds_is_named(searched, monkeypatch):
    begin = Database.__init__
    monkeypatch.setattr(Database, "__init__", lambda self, *arguments: begin(self, *arguments[:-1], 0.1))
    with closing(sqlite3.connect(searched / "X7.minima.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = run(searched, "search", "LJ7", *QUICK)
    assert done.code == 1
    assert "locked" in done.complaints[0]


def test_a_full_disk_costs_no_answer_and_leaves_the_database_whole(tmp_path, monkeypatch):
    whole = opening.connected

    def nearly_full(*arguments):
        connection = whole(*arguments)
        connection.execute("PRAGMA max_page_count = 30")
        return connection

    monkeypatch.setattr(opening, "connected", nearly_full)
    done = run(tmp_path, "search", "LJ8", "--evaluations", "100000", "--json")
    assert done.code == 1
    assert json.loads(done.out)["energy"] == pytest.approx(-19.821489, abs=1e-6)
    assert {line.partition(" (")[0] for line in done.complaints} == {
        "clusteropt: X8.minima.db: cannot be written: make room on the disk; what it held before is still there"
    }
    with Database.open(tmp_path / "X8.minima.db") as database:
        database.entries()


def test_many_chains_at_the_lowest_minimum_do_not_hide_the_others(tmp_path):
    done = run(tmp_path, "search", "LJ8", "--no-db", "--quiet")
    assert len(done.out.splitlines()) == 3 + 8  # all that there are


@pytest.mark.parametrize(
    "arguments",
    [
        ["random", "LJ5", "--count", "1"],
        ["evaluate", "learned", "--tasks", "LJ4", "--hits", "1", "--alone"],
        ["minima", "X7.minima.db", "--formula", "LJ7"],
    ],
)
def test_lj_is_another_name_of_x_wherever_a_formula_is_taken(searched, arguments):
    assert run(searched, *arguments).code == 0


@pytest.mark.parametrize(("error", "words"), [(MemoryError(), "out of memory"), (ValueError("a fault"), "a fault")])
def test_an_error_in_the_middle_keeps_what_was_found(tmp_path, monkeypatch, error, words):
    rounds = Finding.__iter__

    def broken(self):
        yield next(rounds(self))
        raise error

    monkeypatch.setattr(Finding, "__iter__", broken)
    done = run(tmp_path, "search", "LJ7", "--confirm", "0")
    assert (done.code, len(done.complaints)) == (1, 1)
    assert words in done.complaints[0]
    assert "what was found is kept" in done.complaints[0]
    assert names(tmp_path) == {"X7.min.xyz", "X7.minima.db"}
    assert "D5h" in done.out


@pytest.mark.parametrize(("error", "code", "words"), [(None, 130, "interrupted"), (MemoryError(), 1, "out of memory")])
def test_what_comes_while_minima_are_certified_costs_the_certificates_alone(tmp_path, monkeypatch, error, code, words):
    def broken(*arguments):
        if error is not None:
            raise error
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)

    monkeypatch.setattr(proving, "proofs_of", broken)
    done = run(tmp_path, "search", "LJ7", "--evaluations", "20000")
    assert (done.code, len(done.complaints)) == (code, 1)
    assert words in done.complaints[0]
    assert "stopped by: limit of evaluations" in done.out
    assert done.out.splitlines()[1].endswith("; not certified")
    assert frames_of(tmp_path / "X7.min.xyz")[0].info["status"] == "converged"
    with Database.open(tmp_path / "X7.minima.db") as database:
        assert [own.stopped_by for own in database.runs()] == ["evaluations"]


def test_a_repetition_makes_other_chains_and_a_new_database_the_same_ones(searched):
    with Database.open(searched / "X7.minima.db") as database:
        first = {one.energy: one.n_reached for one in database.entries()}
    again = told(run(searched, "search", "LJ7", *QUICK, "--json"))
    fresh = told(run(searched, "search", "LJ7", *QUICK, "--json", "--db", "other.db"))
    assert {one["energy"]: one["times_reached"] for one in fresh["minima"]} == first
    assert {one["energy"]: one["times_reached"] for one in again["minima"]} != first
    assert (again["seed"], again["energy"]) == (0, pytest.approx(X7[0], abs=1e-6))


def test_two_searches_at_once_share_a_database_and_make_different_chains(tmp_path):
    with spawn(tmp_path, *BOTH, "--out", "a.xyz") as one, spawn(tmp_path, *BOTH, "--out", "b.xyz") as other:
        outcomes = [finish(process, 120) for process in (one, other)]
    reached = [{one["energy"]: one["times_reached"] for one in told(done)["minima"]} for done in outcomes]
    with Database.open(tmp_path / "both.db") as database:
        entries, runs = database.entries(), database.runs()
    assert [one.energy for one in entries] == pytest.approx(X7, abs=1e-6)
    assert len(runs) == 2
    assert reached[0] != reached[1]
    for rank, one in enumerate(entries):
        times = [n for own in reached for energy, n in own.items() if energy == pytest.approx(X7[rank], abs=1e-6)]
        assert one.n_reached == sum(times)
