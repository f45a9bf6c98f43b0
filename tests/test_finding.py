"""`clusteropt.search`: the search of a composition from Python."""

import inspect
import json
import sys
from dataclasses import fields

import numpy as np
import pytest
from ase import Atoms
from cli import run

import clusteropt
import clusteropt.search.walk  # a room of that name, which must not hide the function
from clusteropt.clusters.arrays import Structure
from clusteropt.database.database import Database
from clusteropt.database.records import RunInfo
from clusteropt.engine import programs
from clusteropt.errors import UsageError
from clusteropt.exploration.composition import Kit
from clusteropt.finding import under_way
from clusteropt.finding.searching import composition_of
from clusteropt.finding.under_way import Finding, Task
from clusteropt.potentials import sets
from clusteropt.report.searches import heading
from clusteropt.runtime import host
from clusteropt.search.found import Found
from clusteropt.search.local import minimized
from clusteropt.settings.exploration import ExplorationSettings
from clusteropt.settings.method import LocalSettings

X7 = (-16.505384, -15.935043, -15.593211, -15.533060)


@pytest.fixture(scope="module")
def found():
    return clusteropt.search("LJ7", evaluations=20000, certify=False)


@pytest.mark.parametrize("new", [False, True])
def test_seconds_say_whether_programs_were_compiled_in_them(new, monkeypatch):
    monkeypatch.setattr(under_way, "foresee", lambda kit: new)
    words = heading(clusteropt.search("LJ5", evaluations=1000, certify=False))
    assert ("s with compiling" in words, "s after start-up" in words) == (new, not new)


def test_the_result_has_all_minima_the_lowest_first(found):
    assert [one.energy for one in found.minima] == pytest.approx(X7, abs=1e-6)
    assert [one.point_group for one in found.minima] == ["D5h", "C3v", "C3v", "C2"]
    assert found.energy == found.minima[0].energy == found.atoms.get_potential_energy()
    assert (found.formula, found.stopped_by, found.verdict) == ("X7", "evaluations", "reached")
    assert found.gap == pytest.approx(0, abs=2e-6)
    assert found.evaluations >= 20000
    assert found.seconds > 0
    assert 0 < found.missed < 1
    assert all(one.times_reached > 0 and one.origin for one in found.minima)
    assert "X7" in repr(found)
    assert "D5h" in repr(found.minima[0])


def test_the_atoms_of_a_minimum_are_where_its_energy_says(found):
    for one in found.minima:
        result = clusteropt.energy(one.atoms)
        assert result.energy == pytest.approx(one.energy, abs=1e-9)
        assert np.allclose(result.forces, one.atoms.get_forces(), atol=1e-9)


def test_the_command_finds_the_same_bits(found, tmp_path):
    told = json.loads(run(tmp_path, "search", "LJ7", "--evaluations", "20000", "--no-certify", "--json").out)
    assert [one["energy"] for one in told["minima"]] == [one.energy for one in found.minima]
    assert [one["times_reached"] for one in told["minima"]] == [one.times_reached for one in found.minima]
    assert told["evaluations"] == found.evaluations


def test_a_database_is_filled_and_gone_on_from(tmp_path):
    first = clusteropt.search("LJ7", evaluations=20000, certify=False, database=tmp_path / "a.db")
    again = clusteropt.search("LJ7", evaluations=1, certify=False, database=str(tmp_path / "a.db"), seed=1)
    assert [one.energy for one in again.minima] == [one.energy for one in first.minima]
    assert len(clusteropt.minima(tmp_path / "a.db")) == 4


def test_starts_and_optimizers_may_be_objects(found):
    optimizer = clusteropt.load_optimizer("learned")
    one = clusteropt.search("X7", evaluations=1, starts=found.atoms, optimizer=optimizer)
    assert one.minima[0].origin == "given structure"
    assert one.energy == pytest.approx(X7[0], abs=1e-6)


def test_certificates_are_the_default_and_wait_for_no_program_that_was_not_foreseen(found):
    kit = Kit(composition_of("LJ7", None), clusteropt.load_optimizer("learned"))
    finding = Finding(Task(kit, ExplorationSettings(evaluations=20000), None))
    finding.foresee()
    for _ in finding:
        pass
    before = programs._built.cache_info().currsize
    finding.certify()
    assert programs._built.cache_info().currsize == before
    result = finding.ended()
    assert [one.status for one in result.minima] == ["minimum"] * 4
    assert [one.energy for one in result.minima] == pytest.approx([one.energy for one in found.minima], abs=1e-6)
    assert max(np.linalg.norm(one.atoms.get_forces(), axis=1).max() for one in result.minima) < 1e-7
    assert (result.is_certified, found.is_certified) == (True, False)


def test_a_saddle_point_that_the_database_holds_leaves_it_when_the_search_has_certified_it(tmp_path):
    potential = sets.potential_for(("X",))
    square = Structure(
        np.array([[0, 0, 0], [1.1, 0, 0], [0, 1.1, 0], [1.1, 1.1, 0]]), np.zeros(4, int), np.ones(4, bool)
    )
    with host.double_precision():
        saddle = next(minimized([square], potential, LocalSettings(opt="extreme")))[0]
    with Database.open(tmp_path / "a.db", potential) as database:
        database.keep(database.begin_run(RunInfo("a test", ("X",) * 4, 0)), [Found(saddle, 1, "a test", 1, 0.1)])
        assert len(database.entries()) == 1
    result = clusteropt.search("LJ4", evaluations=1, database=tmp_path / "a.db")
    assert [(one.energy, one.status) for one in result.minima] == [(pytest.approx(-6), "minimum")]
    listed = clusteropt.minima(tmp_path / "a.db")
    assert [(one.get_potential_energy(), one.info["status"]) for one in listed] == [(pytest.approx(-6), "minimum")]


def test_ctrl_c_is_raised_and_the_database_has_what_was_found(tmp_path, monkeypatch):
    rounds = Finding.__iter__

    def interrupted(self):
        yield from [next(rounds(self))]
        raise KeyboardInterrupt

    monkeypatch.setattr(Finding, "__iter__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clusteropt.search("LJ7", confirm=0, database=tmp_path / "a.db")
    with Database.open(tmp_path / "a.db") as database:
        assert database.minima("X7")[0].minimum.energy == pytest.approx(X7[0], abs=1e-6)
        assert [own.stopped_by for own in database.runs()] == ["interrupted"]


def test_what_another_search_has_brought_meanwhile_is_part_of_the_answer(found, tmp_path, monkeypatch):
    rounds, lowest = Finding.__iter__, found.minima[0].found
    rival = lowest._replace(minimum=lowest.minimum._replace(energy=-99.0, positions=2 * lowest.minimum.positions))

    def overtaken(self):
        yield from rounds(self)
        with Database.open(tmp_path / "a.db", sets.potential_for(("X",))) as other:
            other.keep(other.begin_run(RunInfo("a test", ("X",) * 7, 0)), [rival])

    monkeypatch.setattr(Finding, "__iter__", overtaken)
    result = clusteropt.search("LJ7", evaluations=1, certify=False, database=tmp_path / "a.db")
    assert (result.energy, result.minima[0].times_reached, result.verdict) == (-99.0, 0, "below")
    assert result.minima[1].energy == pytest.approx(X7[0], abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"formula": 7}, "formula must be text"),
        ({"formula": "X1"}, "one atom"),
        ({"formula": "X7", "time_limit": 0}, "time_limit must be a positive number"),
        ({"formula": "X7", "time_limit": "10m"}, "time_limit must be a number"),
        ({"formula": "X7", "starts": ["X7"]}, r"starts\[0\] must be ASE Atoms, got str"),
        ({"formula": "X7", "starts": [Atoms("X2")]}, r"starts\[0\]: has the atoms X2"),
        ({"formula": "X2", "starts": Atoms("X2", [[0, 0, 0], [np.nan, 0, 0]])}, "not a finite number"),
        ({"formula": "X7", "target": float("inf")}, "target must be a finite number"),
        ({"formula": "X7", "keeps": 3}, "search has no argument 'keeps'; did you mean 'keep'"),
    ],
)
def test_what_is_not_allowed_is_refused(arguments, words):
    with pytest.raises(UsageError, match=words):
        clusteropt.search(**arguments)


def test_every_setting_is_a_keyword_with_help():
    names = {each.name for each in fields(ExplorationSettings)}
    assert names <= {*inspect.signature(clusteropt.search).parameters}
    assert all(f"    {name}: " in clusteropt.search.__doc__ for name in names)


def test_the_function_is_not_hidden_by_the_room_of_its_name():
    assert inspect.isfunction(clusteropt.search)
    assert inspect.ismodule(sys.modules["clusteropt.search"])
