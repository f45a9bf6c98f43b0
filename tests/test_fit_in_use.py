"""A fit in search, batch and ASE; its warning about distances; a fit that is interrupted, or has no room on the disk."""

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli import FULL_DISK, call, finish, frames_of, run, save, spawn
from test_batch import lines
from test_cli_interrupt import until
from test_fitting import SMALL, fit, sevens, tables

from clusteropt import ClusterCalculator, energy
from clusteropt.potentials import fitted

WARNED = "own was fitted to distances of"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with structures, a fit to them, and the same fit as if it had seen short distances only."""
    folder = tmp_path_factory.mktemp("fit")
    save(folder / "sevens.xyz", sevens())
    assert fit(folder, steps=600).code == 0
    seen = fitted.load(folder / "own.h5")
    (folder / "narrow").mkdir()
    fitted.save(folder / "narrow/own.h5", replace(seen, tables=seen.tables | {"farthest": np.array(1.3)}))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


def test_a_search_finds_the_minima_of_a_fit_and_doubts_those_outside_its_distances_once(folder: Path) -> None:
    words = ("search", "X7", "-p", "narrow/own.h5", "--evaluations", "2000", "--no-db", "--out", "best.xyz", "--json")
    words += (
        "--optimizer",
        "none",
        "--no-certify",
    )  # a fit has no other learned steps and certificates than shipped sets
    done = run(folder, *words)
    assert done.code == 0, done.err
    assert done.err.count(WARNED) == 1
    assert WARNED not in done.out
    (best,) = frames_of(folder / "best.xyz")
    found = energy(best, potential=str(folder / "own.h5"))
    assert found.energy == pytest.approx(done.records["energy"], abs=1e-6)  # type: ignore[call-overload]
    assert abs(found.forces).max() < 1e-3
    assert found.energy < min(one.energy for one in energy(sevens(), potential=str(folder / "own.h5")))


def test_a_batch_on_a_fit_gives_its_energies_and_doubts_structures_outside_its_distances_once(folder: Path) -> None:
    done = run(folder, "batch", "sevens.xyz@0:3", "-p", "narrow/own.h5", "--optimizer", "lbfgs", "--out", "out")
    assert done.code == 0, done.err
    assert done.err.count(WARNED) == 1
    assert "(2 more likewise)" in done.err
    assert all(WARNED in line["outside_fit"] for line in lines(folder))
    minima = frames_of(folder / "out/minima/sevens.min.xyz")
    found = energy(minima, potential=str(folder / "own.h5"))
    assert [one.energy for one in found] == pytest.approx([a.get_potential_energy() for a in minima], abs=1e-9)
    assert WARNED in run(folder, "merge", "out").err


def test_the_calculator_agrees_with_the_command_energy(folder: Path) -> None:
    done = run(folder, "energy", "sevens.xyz@0:2", "-p", "own.h5", "--out", "found.xyz")
    assert done.code == 0, done.err
    for atoms, written in zip(frames_of(folder / "sevens.xyz"), frames_of(folder / "found.xyz"), strict=False):
        own = atoms.copy()
        own.calc = ClusterCalculator(str(folder / "own.h5"))
        assert own.get_potential_energy() == pytest.approx(written.get_potential_energy(), abs=1e-12)
        assert np.abs(own.get_forces() - written.get_forces()).max() < 1e-7  # digits in the file


def test_ctrl_c_keeps_the_best_so_far_and_resume_ends_with_the_bits_of_a_whole_fit(folder: Path) -> None:
    assert fit(folder, steps=2000, out="whole.h5").code == 0
    words = ("fit", "sevens.xyz", "--out", "parts.h5", "--steps", "2000", *SMALL)
    with spawn(folder, *words) as process:
        until(process, "step 400 of", 120)
        process.send_signal(signal.SIGINT)
        done = finish(process)
    assert done.code == 130
    (line,) = done.complaints
    assert "the best so far is in parts.h5; go on with --resume" in line
    first = sevens()[0]
    kept = energy(first, potential=str(folder / "parts.h5")).energy
    assert kept == pytest.approx(first.get_potential_energy(), abs=1)
    resumed = run(folder, *words, "--resume")
    assert resumed.code == 0, resumed.err
    assert "going on after step 0" not in resumed.err
    whole, parts = tables(folder / "whole.h5"), tables(folder / "parts.h5")
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


def test_without_room_on_the_disk_a_fit_says_so_and_an_older_file_stays(folder: Path) -> None:
    before = (folder / "own.h5").read_bytes()
    words = ("fit", "sevens.xyz", "--out", "own.h5", "--force", "--steps", "100", *SMALL)
    done = call(folder, *words, before=FULL_DISK.format(size=3000, spared=0))
    assert done.code == 1
    assert "cannot be written: File too large: make room" in done.complaints[-1]
    assert (folder / "own.h5").read_bytes() == before
    assert not list(folder.rglob(".*.tmp"))
