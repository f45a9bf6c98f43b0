"""The findings of `clusteropt doctor`."""

from pathlib import Path

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.potentials import sets
from clusteropt.runtime import cachedir, devices, host, machine
from clusteropt.search.local import evaluate_one


def findings() -> dict[str, str]:
    """Names and values for bug reports. 'self-test' is 'passed' or lists the faults."""
    folder = cachedir.folder()
    return host.versions() | {
        "cores": str(machine.n_cores()),
        "devices": devices.describe_devices(),
        "gpu": devices.describe_gpus(),
        "compilation cache": "off" if folder is None else f"{folder} ({_size(folder)})",
        "self-test": "; ".join(self_test()) or "passed",
    }


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
