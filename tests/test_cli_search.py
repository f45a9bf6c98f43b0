"""`clusteropt search`: what it finds, writes and goes on from, and what it refuses."""

import json

import pytest
from cli import frames_of, names, run

from clusteropt.database.database import Database

QUICK = ("--evaluations", "20000")


def test_the_lowest_minimum_is_written_and_all_are_kept(tmp_path):
    done = run(tmp_path, "search", "LJ7", *QUICK)
    assert done.code == 0
    assert names(tmp_path) == {"X7.min.xyz", "X7.minima.db"}
    (lowest,) = frames_of(tmp_path / "X7.min.xyz")
    assert lowest.get_potential_energy() == pytest.approx(-16.505384, abs=1e-6)
    assert lowest.info["point_group"] == "D5h"
    assert "best-known minimum reached" in done.out
    with Database.open(tmp_path / "X7.minima.db") as database:
        assert [round(one.minimum.energy, 4) for one in database.minima("X7")] == [
            -16.5054,
            -15.9350,
            -15.5932,
            -15.5331,
        ]


def test_json_tells_all_about_a_search(tmp_path):
    told = json.loads(run(tmp_path, "search", "LJ7", *QUICK, "--json", "--seed", "3").out)
    assert (told["formula"], told["potential"], told["seed"], told["stopped_by"]) == ("X7", "lj", 3, "evaluations")
    assert told["energy"] == told["minima"][0]["energy"] == pytest.approx(-16.505384, abs=1e-6)
    assert told["above_best_known"] == pytest.approx(0, abs=2e-6)
    assert told["evaluations"] >= 20000
    assert 0 < told["evaluations_to_best"] <= told["evaluations"]
    assert 0 < told["seconds_to_best"] <= told["seconds"]
    assert told["times_reached"] == told["minima"][0]["times_reached"] > 0
    assert {*told["minima"][0]} >= {"energy", "point_group", "times_reached", "origin"}
