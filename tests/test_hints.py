"""Minima that may be saddle points are pointed out, and how far a computation is."""

from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from cli import LOCAL, call, cluster, run, save
from hypothesis import given
from hypothesis import strategies as st

from clusteropt.commands import search_display
from clusteropt.commands.display import TimeLeft, time_of
from clusteropt.commands.search_display import SearchDisplay
from clusteropt.exploration.limits import Progress
from clusteropt.io.doubts import of_shape
from clusteropt.potentials import sets

PLANE = Atoms("X8", [[1.1 * i, 1.1 * j, 0] for i in range(4) for j in range(2)])
LINE = Atoms("X4", [[1.1 * i, 0, 0] for i in range(4)])


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(5, 20))
def test_the_shape_of_atoms_does_not_depend_on_where_they_are_or_how_they_are_turned(seed, dimensions, n_atoms):
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    points = np.zeros((n_atoms, 3))
    points[:, :dimensions] = rng.normal(size=(n_atoms, dimensions))
    assert of_shape(points @ turn + rng.normal(size=3), 1.0) == ["linear", "planar", ""][dimensions - 1]


@pytest.mark.parametrize(("n_atoms", "shape"), [(1, ""), (2, ""), (3, "")])
def test_few_atoms_cannot_but_lie_in_a_plane(n_atoms, shape):
    assert of_shape(np.random.default_rng(n_atoms).normal(size=(n_atoms, 3)), 1.0) == shape


def test_what_has_converged_flat_may_be_a_saddle_point_and_shaken_it_is_none(tmp_path):
    save(tmp_path / "flat.xyz", [PLANE, LINE, cluster()])
    done = run(tmp_path, "minimize", *LOCAL, "flat.xyz", "--json")
    assert [record["flat"] for record in done.records] == ["planar", "linear", None]
    hint = "flat.xyz:0, flat.xyz:1 are linear or planar and may be saddle points: --perturb 0.05 leaves them"
    assert hint in done.err.splitlines()
    shaken = run(tmp_path, "minimize", *LOCAL, "flat.xyz", "--perturb", "0.05", "--force", "--json")
    assert [record["flat"] for record in shaken.records] == [None] * 3
    assert "saddle" not in shaken.err
    for record, before in zip(shaken.records[:2], done.records, strict=False):
        assert record["energy"] < before["energy"] - 0.1


def test_energies_of_flat_structures_are_no_minima(tmp_path):
    save(tmp_path / "flat.xyz", PLANE)
    assert "saddle" not in run(tmp_path, "energy", "flat.xyz").err


def test_quiet_random_says_nothing(tmp_path):
    done = run(tmp_path, "random", "X4", "--out", "s.xyz", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_what_is_being_done_is_said_before_it_is_done(tmp_path):
    save(tmp_path / "a.xyz", cluster())
    before = "from clusteropt.search import local\ndef fail(*_): raise ValueError\nlocal.inspect_input = fail"
    done = call(tmp_path, "minimize", *LOCAL, "a.xyz", before=before)
    assert done.err.startswith("potential lj ")
    quick = ("minimize", "a.xyz", "--optimizer", "fire")
    assert "compiling" in call(tmp_path, *quick, env={"CLUSTEROPT_CACHE": "off"}).err
    assert "compiling" not in call(tmp_path, "minimize", *LOCAL, "a.xyz", "--force").err


@given(st.lists(st.floats(0.001, 0.2), min_size=3, max_size=40), st.floats(0.01, 10))
def test_at_an_even_pace_the_time_left_falls_and_is_right(shares, seconds):
    pace, done, lefts = TimeLeft(), 0.0, []
    total = sum(shares)
    for share in shares:
        done += share / total
        now = done * seconds
        pace.note(done, now)
        lefts.append(pace.left(now))
    assert lefts[0] is None
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(lefts[1:]))
    assert lefts[1] == pytest.approx(seconds * (1 - (shares[0] + shares[1]) / total), abs=1e-6 * seconds)
    assert pace.left(seconds + 1) == 0


def test_the_time_left_falls_between_two_words_and_a_share_never_does():
    pace = TimeLeft()
    pace.note(0.1, 10.0)
    pace.note(0.2, 11.0)
    assert pace.left(11.0) == pytest.approx(8)
    assert pace.left(13.5) == pytest.approx(5.5)
    pace.note(0.15, 14.0)
    assert pace.share == 0.2


def test_times_are_written_as_clocks_do():
    assert [time_of(s) for s in (7.4, 205, 3723)] == ["0:07", "3:25", "1:02:03"]


@pytest.mark.parametrize("best", [None, -173.928427, -180.0])
@pytest.mark.parametrize("n_evaluations", [1, 57_168, 123_456_789])
def test_the_progress_of_a_search_is_two_lines_of_at_most_80_columns(best, n_evaluations):
    display = SearchDisplay("Ag20Cu18", sets.load("lj").potential(("X",)), best, 100 * 3600, quiet=False)
    display.show(Progress(n_evaluations, 3723.0, 9, 1234, -173.928427, 123, 456, 12_345, 1.0))
    lowest, course = display._lines()
    assert max(len(lowest), len(course)) <= 80
    assert "lowest -173.928427 epsilon" in lowest
    assert f"{n_evaluations:,} evaluation" in course
    assert "0:00 used, 100:00:00 left · chance of a miss 100%" in course


def test_the_log_of_a_search_counts_the_chains_as_its_result_does(monkeypatch, capsys):
    """The result counts all chains that came to the lowest minimum; those that help none to come there are fewer."""
    monkeypatch.setattr(search_display, "_REPORT", 0)
    display = SearchDisplay("Au6", sets.load("lj").potential(("X",)), None, None, quiet=False)
    display.show(Progress(125, 1.0, 9, 12, -3.0, 0, 7, 12, 0.5))
    assert "reached by 7 chains, 0 of them independent" in capsys.readouterr().err
