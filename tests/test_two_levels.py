"""Searches in two levels: minima of a cheap potential, relaxed with a calculator."""

import json
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.db import connect
from cli import finish, frames_of, run, spawn

import clusteropt
from clusteropt.database.database import Database
from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.finding import under_way

_QUICK = {"evaluations": 4000, "certify": False}


@pytest.fixture(scope="module")
def found() -> clusteropt.SearchResult:
    return clusteropt.search("Cu8", calculator="emt", prescreen="gupta", relax=6, **_QUICK)


@pytest.mark.parametrize("kept", [False, True])
def test_seconds_of_a_prescreen_say_whether_programs_were_compiled_in_them(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(under_way, "foresee", lambda kit: True)
    about = {"calculator": "emt", "prescreen": "gupta", "relax": 1, **_QUICK}
    assert clusteropt.search("Cu5", database=tmp_path / "Cu5.minima.db" if kept else None, **about).prescreen.compiled


def test_minima_are_those_of_the_calculator(found):
    for one in found.minima:
        plain = one.atoms.copy()
        plain.calc = EMT()
        assert one.energy == pytest.approx(plain.get_potential_energy(), abs=1e-12)
        assert np.abs(plain.get_forces()).max() < 2e-3
    energies = [one.energy for one in found.minima]
    assert energies == sorted(energies)
    assert (found.stopped_by, found.prescreen.potential.name) == ("relaxed", "gupta-cleri-rosato")
    direct = clusteropt.search("Cu8", calculator="emt", evaluations=1500, certify=False)
    assert found.energy == pytest.approx(direct.energy, abs=1e-4)


def test_every_start_has_an_end_and_every_minimum_its_lowest_start(found):
    assert [one.rank for one in found.relaxed] == [1, 2, 3, 4, 5, 6]
    assert [one.start.energy for one in found.relaxed] == [one.energy for one in found.prescreen.minima[:6]]
    led = Counter(one.number for one in found.relaxed)
    assert {k: one.times_reached for k, one in enumerate(found.minima)} == led  # duplicates are one minimum
    for k, one in enumerate(found.minima):
        starts = [start for start in found.relaxed if start.number == k]
        assert one.prescreened is starts[0] or one.prescreened == starts[0]
        assert all(start.minimum.energy == pytest.approx(one.energy, abs=1e-5) for start in starts)
        assert one.atoms.info["prescreen_rank"] == min(start.rank for start in starts)
    assert found.evaluations == sum(one.minimum.n_evaluations for one in found.relaxed)


def test_a_database_has_both_levels_and_is_gone_on_from(found, tmp_path):
    path = tmp_path / "Cu8.minima.db"
    about = {"calculator": "emt", "prescreen": "gupta", "relax": 6, "database": path, **_QUICK}
    first = clusteropt.search("Cu8", **about)
    assert [one.energy for one in first.minima] == [one.energy for one in found.minima]
    rows = [*connect(path).select(sort="energy")]
    assert [row.prescreen_rank for row in rows] == [one.prescreened.rank for one in first.minima]
    assert [row.prescreen_energy for row in rows] == [one.prescreened.start.energy for one in first.minima]
    with Database.open(path) as database:
        told = database.relaxed("gupta-cleri-rosato")
    assert sorted(note.rank for note, _ in told.values()) == [1, 2, 3, 4, 5, 6]
    with Database.open(path) as theirs, Database.like(tmp_path / "copy.db", theirs) as ours:
        ours.merge(theirs)
        assert {*ours.relaxed("gupta-cleri-rosato")} == {*told}
    assert (tmp_path / "Cu8.minima.gupta-cleri-rosato.db").is_file()


def _asked(options: str) -> tuple[str, ...]:
    more = ("--relax", "6", "--evaluations", "4000", "--no-certify", "--json")
    return (
        "search",
        "Cu8",
        "--prescreen",
        "gupta",
        "--calculator",
        "faulty:Faulty",
        "--calculator-options",
        options,
        *more,
    )


def _same(text: str) -> dict:
    told = json.loads(text)
    for one in (told, told["prescreen"]):
        del one["seconds"]
    return {key: value for key, value in told.items() if not key.startswith(("seconds", "compiled"))}


@pytest.mark.slow
def test_a_kill_in_the_middle_costs_nothing_that_had_ended(tmp_path):
    ways = [tmp_path / "whole", tmp_path / "killed"]
    for way in ways:
        way.mkdir()
    options = f"mode=sleeps,part=1,folder={tmp_path}"
    whole = run(ways[0], *_asked(options))
    with spawn(ways[1], *_asked(options), env={"PYTHONPATH": str(Path(__file__).parent)}) as process:
        while _n_relaxed(ways[1] / "Cu8.minima.db") < 1 and process.poll() is None:
            time.sleep(0.05)
        assert process.poll() is None, finish(process).err
        process.kill()
    again = run(ways[1], *_asked(options))
    assert "of them before" in again.err
    assert "goes on from" not in again.err  # the search by the cheap potential had come to its end
    assert _same(again.out) == _same(whole.out)
    assert (whole.code, again.code) == (0, 0)


def test_ctrl_c_while_minima_are_relaxed_keeps_those_that_have_ended(tmp_path):
    options = f"mode=sleeps,part=1,folder={tmp_path}"
    with spawn(tmp_path, *_asked(options), env={"PYTHONPATH": str(Path(__file__).parent)}) as process:
        while _n_relaxed(tmp_path / "Cu8.minima.db") < 1 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        done = finish(process)
    told = json.loads(done.out)
    ends = [one["status"] for one in told["relaxed"]]
    assert (done.code, told["stopped_by"]) == (130, "interrupted"), done.err
    assert ("converged" in ends, "interrupted" in ends, len(ends)) == (True, True, 6)
    assert "what was found is kept" in done.err
    with Database.open(tmp_path / "Cu8.minima.db") as database:
        assert [run.stopped_by for run in database.runs()] == ["interrupted"]
        assert len(database.relaxed("gupta-cleri-rosato")) == ends.count("converged")


def test_what_could_not_be_written_is_written_by_the_next_time(tmp_path, monkeypatch):
    keep, faults = Database.keep, iter([True])

    def faulty(self, *about):
        if self.origin.name == "emt" and next(faults, False):
            raise ClusterOptError("the disk is full")
        return keep(self, *about)

    monkeypatch.setattr(Database, "keep", faulty)
    about = {"calculator": "emt", "prescreen": "gupta", "relax": 6, **_QUICK}
    result = clusteropt.search("Cu8", database=tmp_path / "a.db", **about)  # a problem at the end would be a warning
    with Database.open(tmp_path / "a.db") as database:
        assert len(database.relaxed("gupta-cleri-rosato")) == 6
        assert len(database.entries()) == len(result.minima)


def _n_relaxed(path) -> int:
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM clusteropt_relaxed").fetchone()[0]
    except sqlite3.Error:
        return 0


def test_relaxations_that_fail_have_their_status_and_are_in_the_file(tmp_path):
    done = run(tmp_path, *_asked(f"mode=raises,part=0.02,folder={tmp_path}"), "--stop-if-more-than", "1")
    told = json.loads(done.out)
    statuses = [one["status"] for one in told["relaxed"]]
    assert len(statuses) == 6
    assert {*statuses} <= {"converged", "calculator-failed"}
    assert done.code == (0 if {*statuses} == {"converged"} else 4)
    none = run(
        tmp_path,
        *_asked(f"mode=raises,folder={tmp_path}"),
        "--stop-if-more-than",
        "1",
        "--db",
        tmp_path / "o.db",
        "--force",
    )
    told = json.loads(none.out)
    assert {one["status"] for one in told["relaxed"]} == {"calculator-failed"}
    assert all("SCF did not converge" in one["problem"] for one in told["relaxed"])
    assert (none.code, told["minima"]) == (4, [])
    frames = frames_of(tmp_path / "Cu8.isomers.xyz")
    assert [one.info["prescreen_rank"] for one in frames] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--prescreen", "gupta"), "prescreen needs a calculator"),
        (("--prescreen", "gupto", "--calculator", "emt"), "no potential named 'gupto'"),
        (("--prescreen", "emt", "--calculator", "emt"), "no potential named 'emt'"),
        (
            ("--prescreen", "stillinger-weber", "--calculator", "emt"),
            "no shipped set of the form stillinger-weber has Cu",
        ),
        (("--prescreen", "lj", "--calculator", "emt"), "has no parameters for Cu"),
        (("--prescreen", "gupta", "--calculator", "emt", "--scheduler", "tcp://127.0.0.1:1"), "drop the scheduler"),
        (("--calculator", "emt", "--relax", "3"), "relax is for the minima of a prescreen"),
        (("--prescreen", "gupta", "--calculator", "emt", "--relax", "0"), "--relax must be at least 1"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_a_line(options, words, tmp_path):
    outcome = run(tmp_path, "search", "Cu8", *options)
    assert outcome.code == 2
    assert len(outcome.complaints) == 1
    assert words in outcome.complaints[0]


def test_python_refuses_a_prescreen_alone():
    with pytest.raises(UsageError, match="needs a calculator"):
        clusteropt.search("Cu8", prescreen="gupta")
