"""The Python interface as others' programs use it: what type checkers and notebooks see, and learned optimizers as objects."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixAtoms
from cli import cluster, run, save
from hypothesis import given, settings
from hypothesis import strategies as st

import clusteropt
from clusteropt.clusters.arrays import pack, padded_size
from clusteropt.engine import lanes
from clusteropt.io.structures import to_structure
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import host
from clusteropt.search.descents import learned_motion
from clusteropt.search.policy import plan_for

README = Path(__file__).parents[1] / "README.md"
FEW = {"trajectories": 1, "steps": 3, "hops": 0}
WRONG = """
clusteropt.minimise(atoms)  # no such name
clusteropt.minimize(atoms).enrgy  # no such attribute
clusteropt.minimize([atoms]).energy  # a list has none
clusteropt.minimize("au55.xyz")  # not atoms
clusteropt.minimize(atoms, optimizer=3)  # no optimizer
clusteropt.load_optimizer("learned").sav("x.h5")  # no such method
clusteropt.minimize(atoms, trajectory=3)  # no such argument
clusteropt.minimize([atoms], hops=0.5)  # no whole number
clusteropt.certify(atoms).point_grp  # no such attribute
"""
RIGHT = """
clusteropt.minimize(atoms).energy.hex()
clusteropt.minimize([atoms])[0].atoms.positions
clusteropt.minimize((atoms, atoms), optimizer=clusteropt.load_optimizer("learned"))[0].fmax
clusteropt.energy(read("au55.xyz")).energy
clusteropt.certify(atoms).point_group.lower()
clusteropt.certify([atoms], symmetrize=True)[0].fmax
trained = clusteropt.train_es(tasks=("X5",))
trained.save("x.h5")
positions, memory = clusteropt.step(atoms, trained)
positions, memory = clusteropt.step(atoms, trained, memory)
"""


def python_of(readme: str) -> str:
    """The example of the README."""
    return readme.partition("```python\n")[2].partition("```")[0]


def test_type_checkers_accept_the_examples_and_find_every_mistake(tmp_path):
    start = "from ase import Atoms\nfrom ase.io import read\nimport clusteropt\natoms = Atoms('X2')\n"
    snippets = {"readme": python_of(README.read_text(encoding="utf-8")), "right": start + RIGHT, "wrong": start + WRONG}
    for name, code in snippets.items():
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    wrong = {one["range"]["start"]["line"] - start.count("\n") for one in found if one["file"].endswith("wrong.py")}
    assert [one for one in found if not one["file"].endswith("wrong.py")] == []
    assert wrong == set(range(1, len(WRONG.splitlines())))


def test_names_that_do_not_exist_are_no_attributes():
    assert {*clusteropt.__all__} <= {*dir(clusteropt)}
    for name in clusteropt.__all__:
        getattr(clusteropt, name)
    with pytest.raises(AttributeError, match="minimise"):
        clusteropt.minimise  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    "atoms", [cluster(), cluster("Au"), Atoms("Fe2", [[0, 0, 0], [2, 0, 0]]), Atoms("X2"), Atoms()]
)
def test_a_result_is_shown_in_one_short_line(atoms):
    for result in (clusteropt.energy(atoms), clusteropt.minimize(atoms, optimizer="lbfgs")):
        for shown in (repr(result), repr(result.minimum)):
            assert len(shown.splitlines()) == 1
            assert len(shown) < 600
            assert result.status in shown
    assert len(repr(clusteropt.load_optimizer("learned"))) < 200


@pytest.mark.parametrize(
    "ask", [clusteropt.energy, clusteropt.minimize, lambda _, name: clusteropt.ClusterCalculator(name)]
)
def test_a_doubtful_set_is_warned_of_where_the_caller_stands(ask):
    with pytest.warns(UserWarning, match="sw-ge is doubtful") as heard:
        ask(Atoms(), "sw-ge")
    assert [one.filename for one in heard] == [__file__]


def test_a_structure_in_a_box_names_what_has_minimized_it_and_python_is_warned_once(tmp_path):
    boxed = [bulk("Si", "diamond", a, cubic=True) for a in (7.6, 7.7)]  # eight atoms, and the cutoff fits twice
    with pytest.warns(UserWarning, match="2 of 3 structures in a periodic box") as heard:
        results = clusteropt.minimize([*boxed, cluster("Si")], **FEW)
    assert [(len(heard), one.filename) for one in heard] == [(1, __file__)]
    assert (
        [r.optimizer for r in results] == [r.atoms.info["optimizer"] for r in results] == ["lbfgs", "lbfgs", "learned"]
    )
    plain = clusteropt.minimize(boxed, optimizer="lbfgs")
    assert [r.energy for r in plain] == [r.energy for r in results[:2]]
    save(tmp_path / "boxed.xyz", [*boxed, cluster("Si")])
    few = ["--optimizer", "learned", "--trajectories", "1", "--steps", "3", "--hops", "0"]
    done = run(tmp_path, "minimize", "boxed.xyz", *few, "--json", "--out", "out.xyz")
    assert [r["optimizer"] for r in done.records] == ["lbfgs", "lbfgs", "learned"]


@pytest.fixture(scope="module")
def trained() -> clusteropt.LearnedOptimizer:
    """Another one than those that are shipped."""
    shipped = clusteropt.load_optimizer("learned")
    return shipped._replace(theta=shipped.theta * np.float32(0.9), card={"tasks": ["X5"]})


def test_what_is_saved_is_loaded_and_either_minimizes_alike(trained, tmp_path):
    trained.save(tmp_path / "mine.h5")
    loaded = clusteropt.load_optimizer(tmp_path / "mine.h5")
    assert (loaded.theta.tobytes(), loaded.settings, loaded.card) == (
        trained.theta.tobytes(),
        trained.settings,
        trained.card,
    )
    assert loaded.theta.tobytes() == clusteropt.load_optimizer(str(tmp_path / "mine.h5")).theta.tobytes()
    results = [
        clusteropt.minimize(cluster(), optimizer=optimizer, **FEW)
        for optimizer in (trained, loaded, str(tmp_path / "mine.h5"))
    ]
    assert len({(r.energy, r.n_evaluations, r.atoms.positions.tobytes()) for r in results}) == 1
    assert [r.optimizer for r in results] == ["in-memory", "in-memory", str(tmp_path / "mine.h5")]


def test_a_name_that_minimize_would_not_know_is_refused(trained, tmp_path):
    with pytest.raises(clusteropt.ClusterOptError, match=r"\.h5"):
        trained.save(tmp_path / "mine.weights")
    assert not list(tmp_path.iterdir())


@settings(max_examples=5)
@given(seed=st.integers(0, 1000), count=st.integers(1, 30), fixed=st.booleans())
def test_steps_by_hand_are_those_of_a_search_to_the_last_bit(trained, seed, count, fixed):
    atoms = cluster("X", seed)
    atoms.set_constraint(FixAtoms([1]) if fixed else None)
    potential = clusteropt.load_potential("lj").potential(("X",))
    structure = to_structure(atoms, potential)
    centre = structure.positions.mean(0)
    plan = plan_for(trained, 4, potential)
    motion = learned_motion(ClusterProblem(potential), trained, plan.steps, (0, plan.end))
    batch = pack([structure._replace(positions=structure.positions - centre)], padded_size(4), np.float64)
    with host.double_precision():
        there = lanes.move(batch, np.array([count + 1]), motion).positions[:, :4, 0].T + centre
    moved, memory = atoms.copy(), None
    for _ in range(count):
        moved.positions, memory = clusteropt.step(moved, trained, memory)
    np.testing.assert_array_equal(moved.positions, np.where(structure.free[:, None], there, atoms.positions))
    assert (moved.positions[1] == atoms.positions[1]).all() == fixed


def test_atoms_that_have_no_potential_take_no_step(trained):
    with pytest.raises(clusteropt.ClusterOptError, match="Fe"):
        clusteropt.step(Atoms("Fe2", [[0, 0, 0], [2, 0, 0]]), trained)


def test_a_memory_belongs_to_its_atoms_and_prints_in_a_line(trained, tmp_path):
    trained.save(tmp_path / "mine.h5")
    atoms = cluster("X", 1)
    first, memory = clusteropt.step(atoms, trained)
    np.testing.assert_array_equal(first, clusteropt.step(atoms, str(tmp_path / "mine.h5"))[0])
    assert len(repr(memory)) < 100
    for others in (cluster("X", 1)[:3], cluster("Ar", 1)):
        with pytest.raises(clusteropt.ClusterOptError, match="without a memory"):
            clusteropt.step(others, trained, memory)


@pytest.mark.parametrize("ask", [clusteropt.energy, clusteropt.minimize])
@pytest.mark.parametrize("given", [None, 3, "a.xyz", [None]])
def test_what_is_no_structure_is_refused_in_words(ask, given):
    with pytest.raises(clusteropt.ClusterOptError, match="structures must be ASE Atoms, got"):
        ask(given)


def test_tasks_may_be_one_string(trained):
    options = {"hits": 1, "chains": 2, "hops": 1, "steps": 3, "evaluations": 500, "alone": True}
    assert [score.formula for score in clusteropt.benchmark(trained, "X5, X6", **options)] == ["X5", "X6"]


@pytest.mark.parametrize(
    "call", ["energy(atoms)", "step(atoms, 'learned')", "train_es(tasks=['X5'], steps=1)", "benchmark(tasks='X5')"]
)
def test_a_platform_that_is_not_there_is_named(call):
    code = f"import clusteropt, ase\natoms = ase.Atoms('X2', [[0, 0, 0], [0, 0, 1]])\nclusteropt.{call}"
    environment = os.environ | {"JAX_PLATFORMS": "cuda"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("clusteropt.errors.ClusterOptError: JAX_PLATFORMS=cuda: ")


def test_a_second_process_finds_its_programs_and_computes_the_same_bits(tmp_path):
    code = """
import clusteropt, jax
from ase.build import molecule
atoms = molecule("CH4"); atoms.symbols = "X5"
result = clusteropt.energy(atoms)
print(repr(result.energy), result.forces.tobytes().hex(), jax.config.jax_compilation_cache_dir, jax.config.jax_enable_x64)
"""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX", "XLA", "CLUSTEROPT"))}

    def process(**more: str) -> tuple[str, str]:
        environment = kept | {"XDG_CACHE_HOME": str(tmp_path)} | more
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout, done.stderr

    without = process(CLUSTEROPT_CACHE="off")
    assert not list(tmp_path.iterdir())
    assert without[0].endswith(" None False\n")
    assert process() == (without[0], "")
    (program,) = tmp_path.rglob("*.program")
    made = program.stat().st_mtime_ns
    assert process() == (without[0], "")
    assert program.stat().st_mtime_ns == made
    program.write_bytes(program.read_bytes()[:-20])
    assert process() == (without[0], "")
    assert program.stat().st_mtime_ns > made
