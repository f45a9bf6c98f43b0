"""Parts that are chosen by name: the shipped ones, and those that other packages register."""

from importlib.metadata import EntryPoint

import optax
import pytest
from ase import Atoms
from cli import run

import clusteropt
from clusteropt.errors import UsageError
from clusteropt.optimizers.base import Optimizer, from_optax
from clusteropt.optimizers.learned.features.base import Feature
from clusteropt.potentials.form import Form
from clusteropt.problems.base import Scale
from clusteropt.runtime import plugins
from clusteropt.training import loop, runs

GROUPS = tuple(plugins._SHIPPED)


def adam(scale: Scale) -> Optimizer:
    """An optimizer as another package would have it."""
    return from_optax(optax.adam(0.01 * scale.length))


@pytest.fixture
def register(monkeypatch):
    """A function that registers parts as an installed package would."""

    def registered(group: str, **parts: str) -> None:
        points = [EntryPoint(name.replace("_", "-"), place, f"clusteropt.{group}") for name, place in parts.items()]
        monkeypatch.setattr(plugins, "entry_points", lambda group: [p for p in points if p.group == group])
        plugins._registered.cache_clear()

    yield registered
    monkeypatch.undo()
    plugins._registered.cache_clear()


@pytest.mark.parametrize(("group", "name"), [(group, name) for group in GROUPS for name in plugins.known(group)])
def test_every_shipped_part_can_be_loaded(group, name):
    assert plugins.is_known(group, name)
    part = plugins.load(group, name)
    record = {"potentials": Form, "features": Feature}.get(group)
    assert isinstance(part, record) if record else callable(part)


def test_a_part_of_another_package_is_known_by_its_name(register):
    register("optimizers", mine="math:sqrt")
    assert plugins.is_known("optimizers", "mine")
    assert list(plugins.known("optimizers"))[-1] == "mine"
    assert plugins.load("optimizers", "mine")(4) == 2


def test_a_shipped_part_cannot_be_replaced(register):
    shipped = plugins.load("optimizers", "lbfgs")
    register("optimizers", lbfgs="math:sqrt")
    assert plugins.load("optimizers", "lbfgs") is shipped
    assert "math:sqrt" not in plugins.known("optimizers").values()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mien", "did you mean 'mine'?.*lbfgs"),
        ("gone", "no_such_package:part: No module named"),
        ("empty", "cannot be loaded from math:no_such"),
    ],
)
def test_a_part_that_cannot_be_used_is_refused_in_words(register, name, message):
    register("optimizers", mine="math:sqrt", gone="no_such_package:part", empty="math:no_such")
    with pytest.raises(UsageError, match=message):
        plugins.load("optimizers", name)


@pytest.mark.parametrize("fault", ["raise RuntimeError('boom')", "import sys; sys.exit('boom')", "boom ="])
def test_whatever_a_module_does_when_it_is_imported_ends_in_words(register, tmp_path, monkeypatch, fault):
    (tmp_path / "faulty_part.py").write_text(fault, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    register("optimizers", faulty="faulty_part:part")
    with pytest.raises(UsageError, match="'faulty', one of the optimizers, cannot be loaded from faulty_part:part"):
        plugins.load("optimizers", "faulty")


def test_other_packages_are_not_searched_for_a_shipped_name(monkeypatch):
    def search(group):
        raise AssertionError("searched")

    plugins._registered.cache_clear()
    monkeypatch.setattr(plugins, "entry_points", search)
    assert plugins.is_known("strategies", "es")
    assert plugins.load("strategies", "es")


def test_an_optimizer_of_another_package_minimizes(register):
    pair = Atoms("X2", [[0, 0, 0], [1.3, 0, 0]])
    with pytest.raises(UsageError, match="optimizer cannot be 'adam'"):
        clusteropt.minimize(pair, optimizer="adam")
    register("optimizers", adam=f"{__name__}:adam")
    result = clusteropt.minimize(pair, optimizer="adam", opt="loose")
    assert (result.status, result.optimizer) == ("converged", "adam")
    assert result.energy == pytest.approx(-1, abs=1e-4)


def test_programs_depend_on_the_code_of_the_packages_that_register_parts(register):
    assert plugins.sources() == []
    register("optimizers", adam=f"{__name__}:adam")
    assert [file.name for file in plugins.sources()] == ["test_plugins.py"]


def test_a_strategy_of_another_package_trains(register, tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(
        runs, "carry_out", lambda settings, job: begun.append((settings.strategy, loop.begin(settings)))
    )
    assert run(tmp_path, "train", "mine").code == 2
    register("strategies", mine="clusteropt.training.ga:ga")
    done = run(tmp_path, "train", "mine", "--tasks", "X4")
    assert done.code == 0, done.err
    ((name, state),) = begun
    assert (name, state.strategy_state.memory) == ("mine", None), "as the genetic algorithm begins"
    assert "mine" in run(tmp_path, "train", "--help").out
