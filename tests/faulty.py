"""A calculator that fails in every way that the program knows, for clusters of other sizes than those that set the scales."""

import os
import signal
import time
import zlib

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

SCALED = (1, 13)  # numbers of atoms of the clusters that set the scales


class Faulty(EMT):
    """EMT that fails for `part` of all positions; `mode` says how. Which ones depends on the positions alone."""

    def __init__(self, mode: str = "none", part: float = 1.0, folder: str = ".") -> None:
        super().__init__()
        self.mode, self.part, self.folder, self.calls, self.warm = mode, part, folder, 0, False

    def reset(self) -> None:
        """Forgets the last structure."""
        super().reset()
        self.warm = False

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        if self.mode == "drifts":
            self.results["energy"] = self.results["free_energy"] = self.results["free_energy"] + 0.1 * self.calls
        if self.mode == "remembers":
            self.results["energy"] = self.results["free_energy"] = self.results["free_energy"] + 0.1 * self.warm
        self.warm = True
        drawn = zlib.crc32(atoms.positions.tobytes()) / 2**32
        if len(atoms) in SCALED or drawn >= self.part:
            return
        with open(os.path.join(self.folder, "failures"), "a") as file:
            file.write(f"{len(atoms)}\n")
        self.fail(atoms.positions)

    def fail(self, positions: np.ndarray) -> None:
        if self.mode == "raises":
            raise RuntimeError("SCF did not\nconverge")
        if self.mode == "flat" and np.abs(self.results["forces"]).max() < 0.5:
            raise RuntimeError("too flat")
        if self.mode == "rounded" and np.array_equal(positions, positions.round(3)):
            raise RuntimeError("too round")
        if self.mode == "forceless":
            del self.results["forces"]
        if self.mode == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mode == "nan":
            self.results["forces"] = np.full_like(self.results["forces"], np.nan)
        if self.mode == "hangs":
            time.sleep(60)
        if self.mode == "tires" and self.calls > 150:
            time.sleep(60)
        if self.mode == "sleeps":
            time.sleep(0.1)
        if self.mode == "slow":
            time.sleep(2)
        if self.mode == "dies":
            os._exit(7)


class Magnetic(EMT):
    """EMT whose energy tells of the initial moments and charges: 1 eV for each, and 10 eV for each charge."""

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        told = atoms.get_initial_magnetic_moments().sum() + 10 * atoms.get_initial_charges().sum()
        self.results["energy"] = self.results["free_energy"] = self.results["free_energy"] + told


class Charged(EMT):
    """EMT that takes a charge and a multiplicity, and tells them in its energy where the cluster is not one that sets scales."""

    def __init__(self, charge: int = 0, multiplicity: int = 1) -> None:
        super().__init__()
        self.charge, self.multiplicity = charge, multiplicity

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        if (sum(atoms.numbers) - self.charge + 1 - self.multiplicity) % 2 and self.multiplicity > 1:
            raise ValueError("electrons")


class Dear(EMT):
    """EMT that takes a quarter of a second for every evaluation."""

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        time.sleep(0.25)
        super().calculate(atoms, properties, system_changes)


class Energetic(Calculator):
    """A calculator without forces."""

    implemented_properties = ["energy"]  # noqa: RUF012

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 0.0}


def make(**options: object) -> Faulty:
    """A function that makes a calculator."""
    return Faulty(**options)
