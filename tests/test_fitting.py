"""Fits of network potentials: what they reproduce, that they can be repeated and resumed, and what they refuse."""

from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from cli import Outcome, call, run, save

from clusteropt import energy
from clusteropt.clusters.arrays import Structure
from clusteropt.errors import InputError, UsageError
from clusteropt.fitting import checkpoint, course, describing, reading, setup
from clusteropt.fitting.settings import FitSettings
from clusteropt.optimizers.learned import network, weights
from clusteropt.optimizers.learned.rule import sizes
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.potentials import fitted
from clusteropt.potentials.symmetry_functions import Counts, members

SMALL = ("--widths", "8", "--radial", "6", "--angular", "1", "--batch", "16")
_RING = np.array([[np.cos(t), np.sin(t), 0] for t in 2 * np.pi * np.arange(5) / 5]) * 0.9538
_BIPYRAMID = np.vstack([_RING, [[0, 0, 0.572], [0, 0, -0.572]]])


def seven(number: int) -> Atoms:
    """Seven Lennard-Jones atoms near their lowest minimum, in another way for each `number`."""
    rng = np.random.default_rng(number)
    return Atoms("X7", positions=1.12 * _BIPYRAMID * rng.uniform(0.97, 1.1) + rng.normal(size=(7, 3)) * 0.04)


def with_energy(atoms: Atoms) -> Atoms:
    found = energy(atoms)
    out = atoms.copy()
    out.calc = SinglePointCalculator(out, energy=found.energy, forces=found.forces)
    return out


@cache
def sevens() -> list[Atoms]:
    structures = [seven(k) for k in range(120)]
    found = energy(structures)
    for atoms, one in zip(structures, found, strict=True):
        atoms.calc = SinglePointCalculator(atoms, energy=one.energy, forces=one.forces)
    return structures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "sevens.xyz", sevens())
    return tmp_path


def fit(folder: Path, *more: str | Path, steps: int = 200, out: str = "own.h5") -> Outcome:
    return run(folder, "fit", "sevens.xyz", "--out", out, "--steps", str(steps), *SMALL, *more)


def tables(path: Path) -> dict[str, np.ndarray]:
    return fitted.load(path).tables


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_fit_reproduces_structures_that_it_has_not_seen(folder: Path, optimizer: str) -> None:
    done = fit(folder, "--optimizer", optimizer, "--json", steps=1500 if optimizer == "adam" else 100)
    assert done.code == 0, done.err
    told = done.records
    assert all(one["energy"] < 0.01 for one in told["errors"])  # type: ignore[call-overload]
    fresh = [with_energy(seven(k)) for k in range(1000, 1020)]
    found = energy(fresh, potential=str(folder / "own.h5"))
    errors = np.array([one.energy - atoms.get_potential_energy() for one, atoms in zip(found, fresh, strict=True)]) / 7
    assert np.sqrt((errors**2).mean()) < 0.01  # epsilon for each atom; the energies vary by more than
    assert np.std([a.get_potential_energy() / 7 for a in fresh]) > 0.05
    forces = np.array([one.forces - atoms.get_forces() for one, atoms in zip(found, fresh, strict=True)])
    assert np.sqrt((forces**2).mean()) < 0.1 * np.std([a.get_forces() for a in fresh])


def test_a_fit_can_be_used_wherever_a_potential_is_named(folder: Path) -> None:
    assert fit(folder, "--plot", "parity.png").code == 0
    assert (folder / "parity.png").read_bytes().startswith(b"\x89PNG")
    done = run(folder, "minimize", "sevens.xyz@0:3", "-p", "own.h5", "--optimizer", "lbfgs", "--out", "minima.xyz")
    assert done.code == 0, done.err
    checked = run(folder, "potentials", "check", "own.h5")
    assert "network for X" in checked.out
    card = run(folder, "potentials", "show", "own.h5").records
    assert card["structures"] == 120  # type: ignore[call-overload]
    assert card["sizes"] == [7, 7]  # type: ignore[call-overload]


def test_outside_the_distances_of_the_fit_a_warning_comes_once(folder: Path) -> None:
    assert fit(folder, steps=100).code == 0
    inside = run(folder, "energy", "sevens.xyz@0:5", "-p", "own.h5")
    assert "was fitted to distances" not in inside.err
    squeezed = [seven(k) for k in range(3)]
    for atoms in squeezed:
        atoms.positions *= 0.6
    save(folder / "squeezed.xyz", squeezed)
    done = run(folder, "energy", "squeezed.xyz", "-p", "own.h5")
    assert done.err.count("own was fitted to distances of") == 1
    assert "(2 more likewise)" in done.err


def test_a_fit_can_be_repeated_to_the_bit_and_another_seed_gives_another(folder: Path) -> None:
    assert all(
        fit(folder, "--seed", seed, out=out).code == 0 for seed, out in (("3", "a.h5"), ("3", "b.h5"), ("4", "c.h5"))
    )
    a, b, c = (tables(folder / name) for name in ("a.h5", "b.h5", "c.h5"))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(a["matrix 0"], c["matrix 0"])


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_fit_that_was_stopped_goes_on_as_if_it_had_not_been(folder: Path, optimizer: str) -> None:
    options = ("--optimizer", optimizer)
    steps = 300 if optimizer == "adam" else 15
    assert fit(folder, *options, steps=steps, out="whole.h5").code == 0
    stopped = fit(folder, *options, "--time-limit", "0.001", steps=steps, out="parts.h5")
    assert stopped.code == 75
    assert "the best so far is in parts.h5; go on with --resume" in stopped.err
    done = fit(folder, *options, "--resume", steps=steps, out="parts.h5")
    assert done.code == 0, done.err
    assert "going on after step 0" in done.err
    whole, parts = tables(folder / "whole.h5"), tables(folder / "parts.h5")
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


def test_a_fit_that_was_kept_half_way_ends_as_without_a_break(tmp_path: Path) -> None:
    chosen = FitSettings(steps=400, widths=(8,), radial=8, batch=16)
    samples = reading.given([(str(k), atoms) for k, atoms in enumerate(sevens())], chosen.cutoff).samples
    made, plans = setup.prepared(samples, 1, chosen), course.plans_of(chosen, None)
    path, mark = tmp_path / "half.h5", checkpoint.mark_of(samples, chosen, None)
    whole = course.begin(made, plans)
    for _ in range(2):
        whole = course.advanced(made, chosen, whole)
    checkpoint.save(path, whole, 1.5, mark)
    parts, seconds = checkpoint.load(path, made, plans, mark)
    assert seconds == 1.5
    for _ in range(2):
        whole, parts = course.advanced(made, chosen, whole), course.advanced(made, chosen, parts)
    assert course.finished(chosen, whole)
    assert whole.now.error == parts.now.error
    assert whole.best.step == parts.best.step > 0
    assert np.array_equal(whole.best.weights, parts.best.weights)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="begin anew with --force"):
        checkpoint.load(path, made, plans, mark)


def test_a_learned_optimizer_that_is_worse_than_adam_gives_way_to_it(folder: Path) -> None:
    own = LearnedSettings(network="coordinate", features=("place", "schedule"))
    theta = network.first_theta(own, *sizes(own), 0)
    weights.save(folder / "mine.h5", weights.LearnedOptimizer(theta, own, {}))
    done = fit(folder, "--optimizer", "mine.h5", out="a.h5")
    assert done.code == 0, done.err
    assert "of adam at as many gradients: adam is better and its weights are taken" in done.err
    assert fit(folder, out="b.h5").code == 0
    a, b = tables(folder / "a.h5"), tables(folder / "b.h5")
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_an_optimizer_of_atoms_is_refused(folder: Path) -> None:
    done = fit(folder, "--optimizer", "learned")
    assert done.code == 2
    assert "cannot move weights (feature 'neighbours' needs the species and cell" in done.err


def test_resuming_needs_the_same_structures_and_settings(folder: Path) -> None:
    assert fit(folder, "--time-limit", "0.001").code == 75
    assert "of other structures or settings" in fit(folder, "--resume", "--rate", "0.1").err
    assert "exists already: go on from it with --resume" in fit(folder).err
    assert fit(folder, "--resume").code == 0


def test_a_fit_that_diverges_keeps_its_best_and_says_where(folder: Path) -> None:
    done = fit(folder, "--rate", "1e30")
    assert done.code == 4
    assert "the fit diverged by step 100" in done.err
    assert all(np.isfinite(table).all() for table in tables(folder / "own.h5").values())


def changed(folder: Path, frames: list[Atoms]) -> Outcome:
    save(folder / "sevens.xyz", frames)
    return fit(folder, "--force")


def test_structures_to_which_nothing_can_be_fitted_are_refused_in_a_line(tmp_path: Path) -> None:
    good = sevens()[:4]
    bare, infinite, boxed = (good[0].copy() for _ in range(3))
    infinite.calc = SinglePointCalculator(infinite, energy=np.inf)
    boxed.calc = SinglePointCalculator(boxed, energy=-16.0)
    boxed.set_cell(20 * np.eye(3))
    boxed.pbc = True
    for frames, words in (
        ([*good, bare], "sevens.xyz:4: has no energy: compute it"),
        ([*good, infinite], "sevens.xyz:4: its energy is inf, no finite number"),
        ([*good, boxed], "sevens.xyz:4 is periodic and sevens.xyz:0 is not: fit them apart"),
        ([good[0]], "sevens.xyz: one structure is too little for a fit"),
        ([good[0]] * 5, "all 5 structures are the same"),
    ):
        done = changed(tmp_path, frames)
        assert done.code == 3, done.err
        assert len(done.complaints) == 1
        assert words in done.err


def test_unseen_elements_and_mistaken_files_are_refused_in_a_line(folder: Path) -> None:
    assert fit(folder, steps=100).code == 0
    save(folder / "gold.xyz", Atoms("AuCu", positions=[[0, 0, 0], [2.6, 0, 0]]))
    done = run(folder, "energy", "gold.xyz", "-p", "own.h5")
    assert "potential 'own' has no parameters for" in done.err
    assert "give it to --potential" in run(folder, "minimize", "sevens.xyz@0", "--optimizer", "own.h5").err
    assert "end in .h5" in fit(folder, out="own.dat").err
    assert "no such file" in run(folder, "fit", "missing.xyz").err
    with h5py.File(folder / "own.h5", "a") as file:
        file.attrs["format"] = 2
    assert "format 2 is not known" in run(folder, "energy", "sevens.xyz", "-p", "own.h5").err


def test_energies_of_several_potentials_are_doubted_and_units_do_not_mix(tmp_path: Path) -> None:
    frames = [atoms.copy() for atoms in sevens()[:6]]
    for k, (atoms, known) in enumerate(zip(frames, sevens(), strict=False)):
        atoms.calc = SinglePointCalculator(atoms, energy=known.get_potential_energy())
        atoms.info["potential"] = ("lj", "mine")[k % 2]
    done = changed(tmp_path, frames)
    assert "energies of several potentials (lj, mine) do not agree with each other" in done.err
    frames[5].symbols = ["Ar"] * 7
    done = changed(tmp_path, frames)
    assert done.code == 3
    assert "sevens.xyz:0 has X, atoms in reduced units, and sevens.xyz:5 has Ar: fit them apart" in done.err
    frames[5].symbols = ["X"] * 7
    frames[2].calc = SinglePointCalculator(frames[2], energy=1e200)
    assert "sevens.xyz:2: its energy is 1e+200, no finite number below 1e+12" in changed(tmp_path, frames).err


def test_where_memory_holds_no_direction_forces_are_not_left_out_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(1, 8, 2)
    structures = [Structure(atoms.positions, np.zeros(7, np.int32), np.ones(7, bool)) for atoms in sevens()[:5]]
    once = 5 * 7 * len(members(counts)) * 4  # bytes of the functions, and of their changes in one direction
    for room, found in ((1, 0), (2, 1), (4, 3), (100, 6)):
        monkeypatch.setattr(describing, "_MOST_BYTES", room * once)
        if found:
            assert describing.affordable(structures, counts, 6) == found
        else:
            with pytest.raises(UsageError, match="or leave forces out with --force-weight 0"):
                describing.affordable(structures, counts, 6)
        assert describing.affordable(structures, counts, 0) == 0
    monkeypatch.setattr(describing, "_MOST_BYTES", once - 1)
    with pytest.raises(UsageError, match=r"--radial and --angular$"):
        describing.affordable(structures, counts, 0)


@pytest.mark.slow
def test_a_time_limit_keeps_the_best_so_far(folder: Path) -> None:
    done = call(folder, "fit", "sevens.xyz", "--steps", "1000000", "--time-limit", "20s", *SMALL)
    assert done.code == 75
    assert (folder / "potential.h5").exists()
