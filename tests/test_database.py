"""A database of minima: what goes in comes out, once, for ASE too, whoever writes at the same time."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import ase.db
import numpy as np
import pytest
from ase.db.core import check
from hypothesis import given
from hypothesis import strategies as st
from minima import N_ATOMS, SYMBOLS, filled, found, minimum, opened, told, turned

from clusteropt import __version__
from clusteropt.database.database import Database
from clusteropt.database.records import RunInfo
from clusteropt.engine.step import Status
from clusteropt.errors import UsageError
from clusteropt.potentials import sets

INFO = RunInfo("clusteropt search X7", SYMBOLS, 3)


def test_what_was_kept_comes_back_the_lowest_first(tmp_path):
    path = filled(tmp_path / "a.db", [found(2, 5, "surface move"), found(0, 1), found(1, 2)])
    with opened(path) as database:
        back = database.minima("X7")
        assert [f.n_reached for f in database.minima("X7", limit=2)] == [1, 2]
        assert database.minima("X8") == []
    assert [f.n_reached for f in back] == [1, 2, 5]
    assert back[2][2:5] == ("surface move", 300, 0.3)
    for number, one in enumerate(back):
        made = minimum(number)
        assert (one.minimum.energy, one.minimum.fmax, one.minimum.status) == (made.energy, made.fmax, Status.CONVERGED)
        for name in ("positions", "forces", "energies"):
            assert (getattr(one.minimum, name) == getattr(made, name)).all(), name


def test_ase_reads_atoms_energy_forces_and_what_is_known_of_a_minimum(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as database:
        run = database.begin_run(INFO)
        database.keep(run, [found(0, 4, "symmetric start"), found(1)], ["Oh"])
    with ase.db.connect(path) as rows:
        (row,) = rows.select("point_group=Oh,times_reached>3,potential=lj,energy<-19.9")
        assert rows.count("X=7") == rows.count() == 2
    atoms = row.toatoms()
    made = minimum(0)
    assert (atoms.positions == made.positions).all()
    assert atoms.get_chemical_symbols() == list(SYMBOLS)
    assert atoms.get_potential_energy() == made.energy
    assert (atoms.get_forces() == made.forces).all()
    assert not atoms.pbc.any()
    assert (row.data["energies"] == made.energies).all()
    assert (row.energy_unit, row.length_unit, row.origin, row.version) == (
        "epsilon",
        "sigma",
        "symmetric start",
        __version__,
    )
    assert row.first_seen.endswith("Z")
    assert [row.inertia_1, row.inertia_2, row.inertia_3] == pytest.approx(atoms.get_moments_of_inertia())
    assert (row.mass, row.natoms, row.fmax) == (pytest.approx(sum(atoms.get_masses())), N_ATOMS, made.fmax)
    check(row.key_value_pairs)  # ASE itself would have taken them


def test_the_tables_of_ase_are_those_that_ase_makes(tmp_path):
    with ase.db.connect(tmp_path / "theirs.db") as rows:
        rows.write(ase.Atoms("X"))
    opened(tmp_path / "ours.db").close()

    def columns(name: str) -> dict[str, list]:
        file = sqlite3.connect(tmp_path / name)
        tables = [t for (t,) in file.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")]
        found = {
            t: [*file.execute(f"PRAGMA table_info({t})"), *file.execute(f"PRAGMA index_info({t})")] for t in tables
        }
        found["version"] = [*file.execute("SELECT * FROM information")]
        file.close()
        return found

    theirs, ours = columns("theirs.db"), columns("ours.db")
    assert theirs.items() <= ours.items()
    assert all(name.startswith("clusteropt_") or "clusteropt_" in name for name in ours.keys() - theirs.keys())


def test_what_users_add_or_delete_with_ase_is_left_alone(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as database:
        run = database.begin_run(INFO)
        database.keep(run, [found(0), found(1)])
        with ase.db.connect(path) as rows:
            rows.update(1, mark="mine", delete_keys=["origin", "times_reached", "inertia_2"])
            rows.delete([2])
            rows.write(ase.Atoms("X2"))
        assert len(database.minima("X7")) == 1
        assert [(entry.n_reached, entry.origin) for entry in database.entries()] == [(1, "random start")]
        assert database.keep(run, [found(0, 2), found(1, 2)]) == 1, "the deleted one is new again"
        assert [entry.n_reached for entry in database.entries()] == [2, 2]
    assert ase.db.connect(path).get(1).mark == "mine"


def test_a_minimum_is_kept_once_however_it_lies_in_space(tmp_path):
    path = filled(tmp_path / "a.db", [found(0, 3), found(1)])
    for seed, mirrored in enumerate((False, True)):
        filled(path, [turned(found(0, 2), seed, mirrored), turned(found(1), 9)], seed)
    assert told(path) == {-20.0: 7, -19.99: 3}


def test_a_copy_that_was_minimized_much_further_is_the_one_to_keep(tmp_path):
    rough = found(0)
    rough = rough._replace(minimum=rough.minimum._replace(fmax=1e-3, energy=rough.minimum.energy + 4e-5))
    better, slightly = turned(found(0), 1), turned(found(0), 2)
    slightly = slightly._replace(minimum=slightly.minimum._replace(fmax=0.9 * better.minimum.fmax))
    path = filled(tmp_path / "a.db", [rough])
    for copy in (better, slightly):
        filled(path, [copy])
        assert len(told(path)) == 1
    with opened(path) as database:
        (kept,) = database.minima()
    assert (kept.minimum.positions == better.minimum.positions).all()
    assert (kept.minimum.energy, kept.minimum.fmax, kept.n_reached) == (better.minimum.energy, better.minimum.fmax, 3)
    atoms = ase.db.connect(path).get(1).toatoms()
    row = ase.db.connect(path).get(1)
    assert [row.inertia_1, row.inertia_2, row.inertia_3] == pytest.approx(atoms.get_moments_of_inertia())


def test_minima_of_equal_energy_are_told_apart_by_their_shape(tmp_path):
    twin = found(5)
    twin = twin._replace(minimum=twin.minimum._replace(energy=minimum(0).energy))
    path = filled(tmp_path / "a.db", [found(0), twin])
    with opened(path) as database:
        assert len(database.minima()) == 2


def test_times_reached_add_up_over_runs_and_not_over_repeated_flushes(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as database:
        run = database.begin_run(INFO)
        assert database.keep(run, [found(0, 1)]) == 1
        assert database.keep(run, [found(0, 1), found(1)]) == 1
        assert database.keep(run, [found(0, 4), found(1)]) == 0
        assert database.keep(run, [found(0, 4), found(1)]) == 0
    with opened(path) as database:  # the same command again goes on with what is known
        known = [one._replace(n_reached=0) for one in database.minima("X7")]
        assert len(known) == 2
        run = database.begin_run(INFO)
        database.keep(run, known)
        database.keep(run, [known[0]._replace(n_reached=2), known[1]])
        assert len(database.hits(database.runs()[1].uuid)) == 1, "the run has not come to the other one"
    assert told(path) == {-20.0: 6, -19.99: 1}


def test_copies_that_a_run_holds_for_two_count_together(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as database:
        run = database.begin_run(INFO)
        pair = [found(0, 2), turned(found(0, 3), 1)]
        assert database.keep(run, pair) == 1
        assert database.keep(run, [pair[0]._replace(n_reached=4), pair[1]]) == 0
    assert told(path) == {-20.0: 7}


def test_what_has_not_converged_is_no_minimum(tmp_path):
    loose = found(0)
    loose = loose._replace(minimum=loose.minimum._replace(status=Status.NOT_CONVERGED))
    path = filled(tmp_path / "a.db", [loose])
    assert told(path) == {}


def test_a_run_is_recorded_with_its_new_bests_and_first_hits(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as database:
        run = database.begin_run(INFO)
        database.keep(run, [found(3, n_evaluations=100), found(5, n_evaluations=150), found(1, n_evaluations=200)])
        database.keep(run, [found(1, 7, n_evaluations=900), found(0, n_evaluations=800)])
        (record,) = database.runs()
        assert (record.command, record.seed, record.version, record.formula) == (INFO.command, 3, __version__, "X7")
        assert (record.ended, record.stopped_by, record.n_evaluations) == (None, None, 900)
        database.end_run(run, 5000, 2.5, "the time limit")
        (record,) = database.runs()
        assert (record.n_evaluations, record.seconds, record.stopped_by) == (5000, 2.5, "the time limit")
        bests = database.bests(record.uuid)
    assert [(round(best.energy, 5), best.n_evaluations) for best in bests] == [(-19.97, 100), (-19.99, 200), (-20, 800)]


def test_several_compositions_of_one_potential_share_a_file(tmp_path):
    path = tmp_path / "a.db"
    for symbols in (("Ag",) * 7, ("Cu",) * 7, ("Ag",) * 3 + ("Cu",) * 4):
        with opened(path, potential="gupta-ag-cu", elements=tuple({*symbols})) as database:
            database.keep(database.begin_run(INFO._replace(symbols=symbols)), [found(0)])
    with Database.open(path) as database:
        assert [entry.formula for entry in database.entries()] == ["Ag3Cu4", "Ag7", "Cu7"]
        assert len(database.minima("Ag7")) == 1


def test_a_run_of_other_elements_than_the_potentials_is_refused(tmp_path):
    with opened(tmp_path / "a.db") as database, pytest.raises(ValueError, match="the potential for these elements"):
        database.begin_run(INFO._replace(symbols=("Ar",) * 7))


sets_of_minima = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4), st.integers(0, 3)), max_size=5)


@given(ours=sets_of_minima, theirs=sets_of_minima)
def test_a_merge_is_the_union_in_either_order_and_twice(tmp_path_factory, ours, theirs):
    folder = tmp_path_factory.mktemp("merge")
    contents = {"a.db": ours, "b.db": theirs}
    expected: dict[float, int] = {}
    for name, made in contents.items():
        single = {number: (times, seed) for number, times, seed in made}
        filled(folder / name, [turned(found(k, times), seed) for k, (times, seed) in single.items()])
        for number, (times, _) in single.items():
            energy = round(-20 + 0.01 * number, 5)
            expected[energy] = expected.get(energy, 0) + times
    for order in (["a.db", "b.db"], ["b.db", "a.db", "b.db"]):
        path = folder / f"{len(order)}.db"
        opened(path).close()
        with opened(path) as database:
            for name in order:
                with Database.open(folder / name) as other:
                    database.merge(other)
            assert len(database.runs()) == 2
        assert told(path) == expected
    with Database.open(folder / "2.db") as one, Database.open(folder / "3.db") as other:
        assert {run.uuid for run in one.runs()} == {run.uuid for run in other.runs()}
        first = [{(round(e.energy, 5), e.origin, e.first_seen) for e in each.entries()} for each in (one, other)]
        assert first[0] == first[1]


def test_a_database_merged_into_itself_through_a_copy_stays_as_it_is(tmp_path):
    path = filled(tmp_path / "a.db", [found(0, 3), found(1)])
    (tmp_path / "copy.db").write_bytes(path.read_bytes())
    with Database.open(path) as database, Database.open(tmp_path / "copy.db") as copy:
        merged = database.merge(copy)
    assert merged == (2, 0, 1, 0)
    assert told(path) == {-20.0: 3, -19.99: 1}


def test_a_database_of_another_potential_is_neither_opened_nor_merged(tmp_path):
    path = filled(tmp_path / "a.db", [found(0)])
    with pytest.raises(
        UsageError, match=r"a\.db: holds minima of the potential lj, not of morse-rho6: name another file"
    ):
        opened(path, potential="morse-rho6")
    opened(tmp_path / "b.db", potential="morse-rho6").close()
    with (
        Database.open(path) as database,
        Database.open(tmp_path / "b.db") as other,
        pytest.raises(UsageError, match=r"b\.db: holds minima of the potential morse-rho6, not of lj"),
    ):
        database.merge(other)


def test_a_database_without_minima_is_given_to_another_potential_when_its_searches_have_ended(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as database:
        run = database.begin_run(INFO)
        with pytest.raises(UsageError, match="holds minima of the potential lj, not of morse-rho6"):
            opened(path, potential="morse-rho6")
        database.end_run(run, 100, 1.0, "time limit", {"missed": 1.0})
        with opened(path, potential="morse-rho6") as other:
            assert (other.origin.name, other.runs(), other.facts()) == ("morse-rho6", [], {})
        with pytest.raises(UsageError, match="holds minima of the potential morse-rho6, not of lj"):
            database.begin_run(INFO)
    with opened(path) as database:
        run = database.begin_run(INFO)
        database.keep(run, [found(0)])
        database.end_run(run, 100, 1.0, "time limit")
    with pytest.raises(UsageError, match="holds minima of the potential lj, not of morse-rho6"):
        opened(path, potential="morse-rho6")
    with opened(path) as database:
        assert len(database.runs()) == 1


def test_the_fingerprint_of_a_potential_is_of_its_numbers_and_not_of_their_last_bits_or_its_name():
    lj = sets.load("lj").potential(("X",))

    def scaled(factor: float, **changes: object) -> str:
        parameters = {name: factor * table for name, table in lj.parameters.items()}
        return replace(lj, parameters=parameters, **changes).fingerprint

    assert scaled(1 + 4e-16) == scaled(1, name="another", length=9.0) == lj.fingerprint
    assert len({lj.fingerprint, scaled(1 + 1e-9), scaled(1, energy_unit="eV"), scaled(1, elements=("Ar",))}) == 4


def test_other_numbers_under_the_same_name_are_another_potential(tmp_path):
    path = filled(tmp_path / "a.db", [found(0)])
    lj = sets.load("lj").potential(("X",))
    other = replace(lj, parameters={name: 1.001 * table for name, table in lj.parameters.items()})
    with pytest.raises(UsageError, match="other numbers of the potential for X: name another file"):
        Database.open(path, other)


def test_a_point_that_was_shown_to_be_no_minimum_is_kept_and_not_listed(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as database:
        run = database.begin_run(INFO)
        database.keep(run, [found(0), found(1), found(2)])
        database.keep(run, [found(0), found(2)], ["Oh", ""], ["minimum", "flat"])
        database.leave_out(run, [found(0), found(2)], [(found(1).minimum, found(0).minimum.energy)])
        assert [(one.point_group, one.status) for one in database.entries()] == [("Oh", "minimum"), ("", "flat")]
        assert [one.minimum.energy for one in database.minima("X7")] == [found(k).minimum.energy for k in (0, 2)]
        assert len(database.hits(database.runs()[0].uuid)) == 2
    with ase.db.connect(path) as rows:
        (row,) = rows.select("minimum_below")
        assert (row.status, row.minimum_below) == ("saddle", found(0).minimum.energy)
    with opened(path) as database:  # a search that comes there again
        database.keep(database.begin_run(INFO), [turned(found(1), 5)])
        assert len(database.entries()) == 2


def test_a_merge_in_any_order_leaves_out_what_one_file_has_shown_to_be_no_minimum(tmp_path):
    for name, certifies in (("a.db", False), ("b.db", True)):
        with opened(tmp_path / name) as database:
            run = database.begin_run(INFO)
            database.keep(run, [found(0), found(1)])
            if certifies:
                database.keep(run, [found(0)], (), ["minimum"])
                database.leave_out(run, [found(0)], [(found(1).minimum, found(0).minimum.energy)])
    for k, order in enumerate((("a.db", "b.db"), ("b.db", "a.db", "b.db"))):
        with opened(tmp_path / f"merged{k}.db") as merged:
            for name in order:
                with opened(tmp_path / name) as other:
                    merged.merge(other)
            assert [one.status for one in merged.entries()] == ["minimum"]


def test_a_point_that_the_file_takes_for_a_minimum_stays_listed(tmp_path):
    with opened(tmp_path / "a.db") as database:
        run = database.begin_run(INFO)
        database.keep(run, [found(0)], (), ["minimum"])
        database.leave_out(run, [found(0)], [(turned(found(0), 3).minimum, found(0).minimum.energy), (minimum(4), -1)])
        assert [one.status for one in database.entries()] == ["minimum"]


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from minima import SYMBOLS, found, opened, turned
from clusteropt.database.records import RunInfo
path, seed, last = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
with opened(path, 60.0) as database:
    run = database.begin_run(RunInfo("a writer", SYMBOLS, seed))
    for number in range(last):
        database.keep(run, [turned(found(k, number - k + 1), 100 * seed + k) for k in range(number + 1)])
        print(number, flush=True)
"""


def writer(path, seed: int, last: int) -> subprocess.Popen:
    """A process that keeps minimum 0, then 0 and 1, and so on; it prints the highest number that was kept."""
    arguments = [sys.executable, "-c", _WRITER, str(Path(__file__).parent), str(path)]
    return subprocess.Popen([*arguments, str(seed), str(last)], stdout=subprocess.PIPE, text=True)


def test_several_processes_lose_nothing_and_double_nothing(tmp_path):
    path = tmp_path / "a.db"
    processes = [writer(path, seed, 12) for seed in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()
    assert told(path) == {round(-20 + 0.01 * k, 5): 3 * (12 - k) for k in range(12)}
    with Database.open(path) as database:
        assert len(database.runs()) == 3


@pytest.mark.slow
def test_a_killed_writer_leaves_all_that_it_has_kept(tmp_path):
    rng = np.random.default_rng(0)
    for attempt in range(20):
        path = tmp_path / f"{attempt}.db"
        process = writer(path, attempt, 10_000)
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, 0.5))
        process.kill()
        kept = [0, *map(int, process.stdout.read().split())][-1]
        process.stdout.close()
        process.wait()
        reached = told(path)
        assert all(reached[round(-20 + 0.01 * k, 5)] >= kept - k + 1 for k in range(kept + 1))
        with ase.db.connect(path) as rows:
            assert rows.count() == len(reached) in (kept + 1, kept + 2)
        filled(path, [found(0)])
