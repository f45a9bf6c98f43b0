"""The findings of `clusteropt doctor`."""

import json
from pathlib import Path

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.errors import UsageError
from clusteropt.potentials import sets
from clusteropt.potentials.calculators.memory import Question
from clusteropt.potentials.calculators.pool import Pool
from clusteropt.potentials.calculators.recipe import SHORT, Recipe, package_of, recipe_of
from clusteropt.runtime import cachedir, devices, host, machine
from clusteropt.search.local import evaluate_one

_PATIENCE = 60.0  # seconds for a calculator
_COMMANDS = "pair_style lj/cut 9.0\npair_coeff 1 1 0.4 2.3\n"  # for LAMMPS: angstrom, eV
_NEARLY = 1e-12, 1e-10  # by which the energy and the forces of a dimer may be wrong, in epsilon and epsilon/sigma


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
    return [f"{_shown(name)} {_tried(name)}" for name in SHORT]


def _shown(name: str) -> str:
    return "tblite:GFN1-xTB" if name == "tblite" else SHORT[name].written(name)


def _recipe(name: str) -> Recipe:
    """The recipe of a calculator as it is tried."""
    if name != "lammps":
        return recipe_of(_shown(name), {}, timeout=_PATIENCE)
    place, options = "clusteropt.potentials.calculators.lammps:of_text", {"text": _COMMANDS, "types": "Cu"}
    about = SHORT[name]
    return Recipe(_shown(name), place, json.dumps(options), about.needs_cell, about.install, timeout=_PATIENCE)


def _tried(name: str) -> str:
    if package_of(SHORT[name]) is None:
        return "not installed"
    if name == "mace":
        return "installed, not tried without a model"
    pool = Pool(_recipe(name), 1)
    two = Question(np.array([29, 29], np.int32), np.array([[0, 0, 0], [0, 0, 2.4]]))
    try:
        (answer,) = pool.all_answers([two])
    except UsageError as problem:
        return f"fails ({problem})"
    finally:
        pool.close()
    cure = f"try it in Python, or install it anew with `{SHORT[name].install}`"
    return f"fails ({answer}: {cure})" if isinstance(answer, str) else "works"


def self_test() -> list[str]:
    """The faults of this installation, each with its cure; empty for a sound one."""
    problems = []
    if not devices.compiles_correctly():
        problems.append("jax computes wrong numbers: install jax and jaxlib 0.10.1")
    dimer = Structure(np.array([[0, 0, 0], [2 ** (1 / 6), 0, 0]]), np.zeros(2, np.int32), np.ones(2, bool))
    with host.double_precision():
        value = evaluate_one(dimer, sets.load("lj").potential(("X",)))
    energy, force = float(value.energy), float(np.abs(value.forces).max())
    if not (abs(energy + 1) <= _NEARLY[0] and force <= _NEARLY[1]):
        found = f"an energy of {energy:.15g} epsilon and a force of {force:.2g} epsilon/sigma"
        problems.append(f"the Lennard-Jones dimer has {found}, not -1 and 0: report this as a bug")
    return problems


def _size(folder: Path) -> str:
    return f"{sum(f.stat().st_size for f in folder.iterdir() if f.is_file()) / 1e6:.1f} MB"
