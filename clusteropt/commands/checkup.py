"""The findings of `clusteropt doctor`."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.errors import UsageError
from clusteropt.potentials import sets
from clusteropt.potentials.calculators.memory import Question
from clusteropt.potentials.calculators.pool import Pool
from clusteropt.potentials.calculators.recipe import SHORT, is_installed, recipe_of
from clusteropt.runtime import cachedir, devices, host, machine
from clusteropt.search.local import evaluate_one

_PATIENCE = 60.0  # seconds for a calculator


def findings() -> dict[str, str]:
    """Names and values for bug reports. 'self-test' is 'passed' or lists the faults."""
    folder = cachedir.folder()
    return host.versions() | {
        "cores": str(machine.n_cores()),
        "devices": devices.describe_devices(),
        "gpu": devices.describe_gpus(),
        "compilation cache": "off" if folder is None else f"{folder} ({_size(folder)})",
        "calculators": "; ".join(calculators()),
        "self-test": "; ".join(self_test()) or "passed",
    }


def calculators() -> list[str]:
    """The short names of calculators, each with what came of it for two atoms of copper; MACE is not tried without a model."""
    with TemporaryDirectory() as folder:
        commands = Path(folder) / "lj.in"
        commands.write_text("pair_style lj/cut 9.0\npair_coeff 1 1 0.4 2.3\n", encoding="utf-8")
        asked = {"tblite": "tblite:GFN1-xTB", "lammps": f"lammps:{commands}"}
        options = {"lammps": {"types": "Cu"}}
        return [f"{_shown(name)} {_tried(name, asked.get(name, name), options.get(name, {}))}" for name in SHORT]


def _shown(name: str) -> str:
    return "tblite:GFN1-xTB" if name == "tblite" else SHORT[name].written(name)


def _tried(name: str, asked: str, options: dict[str, str]) -> str:
    if not is_installed(SHORT[name]):
        return "not installed"
    if name == "mace":
        return "installed, not tried without a model"
    pool = Pool(recipe_of(asked, options, timeout=_PATIENCE), 1)
    two = Question(np.array([29, 29], np.int32), np.array([[0, 0, 0], [0, 0, 2.4]]))
    try:
        (answer,) = pool.all_answers([two])
    except UsageError as problem:
        return f"fails ({problem})"
    finally:
        pool.close()
    return f"fails ({answer})" if isinstance(answer, str) else "works"


def self_test() -> list[str]:
    """The faults of this installation, each with its cure; empty for a sound one."""
    problems = []
    if not devices.compiles_correctly():
        problems.append("jax computes wrong numbers: install jax and jaxlib 0.10.1")
    dimer = Structure(np.array([[0, 0, 0], [2 ** (1 / 6), 0, 0]]), np.zeros(2, np.int32), np.ones(2, bool))
    with host.double_precision():
        value = evaluate_one(dimer, sets.load("lj").potential(("X",)))
    energy = value.energy
    if not np.isclose(energy, -1, atol=1e-12) or np.abs(value.forces).max() > 1e-10:
        problems.append(f"the Lennard-Jones dimer has energy {energy}, not -1: report this as a bug")
    return problems


def _size(folder: Path) -> str:
    return f"{sum(f.stat().st_size for f in folder.iterdir() if f.is_file()) / 1e6:.1f} MB"
