"""Structure files of every format that is read, as text of single structures that can be joined in the format's way."""

import io

import numpy as np
from ase import Atoms
from ase.io import write

# name of the file -> ASE's format that writes it; the box that the format needs, if it needs one
WRITTEN = {
    "a.xyz": ("extxyz", False),
    "boxed.extxyz": ("extxyz", True),
    "plain.xyz": ("xyz", False),
    "a.pdb": ("proteindatabank", False),
    "boxed.pdb": ("proteindatabank", True),
    "a.cif": ("cif", True),
    "a.vasp": ("vasp", True),
    "POSCAR": ("vasp", True),
    "a.gen": ("gen", False),
    "boxed.gen": ("gen", True),
    "a.mol": ("mol", False),
    "a.sdf": ("sdf", False),
    "a.xsf": ("xsf", False),
    "boxed.xsf": ("xsf", True),
    "a.cfg": ("cfg", True),
    "a.traj": ("traj", False),
}
NAMES = (*WRITTEN, "a.dump", "end.pdb", "a.xyz.gz", "a.sdf.bz2", "a.vasp.xz")


def is_boxed(name: str) -> bool:
    """True where the structures of a file of that name are in a box."""
    return WRITTEN.get(_inner(name), ("", False))[1]


def _inner(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".bz2").removesuffix(".xz")


def text_of(name: str, atoms: Atoms) -> bytes:
    """A structure in the format that the name is of, before it is packed."""
    if name == "a.dump":
        return _dump(atoms)
    if name == "end.pdb":  # as CP2K writes it
        return text_of("a.pdb", atoms).replace(b"ENDMDL", b"END").replace(b"MODEL     1\n", b"")
    kind, boxed = WRITTEN[_inner(name)]
    given = Atoms(atoms.numbers, atoms.positions, cell=[15, 16, 17] if boxed else None, pbc=boxed)
    file = io.BytesIO()
    if kind in ("traj", "cif"):
        write(file, given, format=kind)
        return file.getvalue()
    text = io.StringIO()
    write(text, given, format=kind)
    return text.getvalue().encode()


def _dump(atoms: Atoms) -> bytes:
    head = f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS ff ff ff\n" + "0 20\n" * 3
    rows = [
        f"{k} {s} {x:.6f} {y:.6f} {z:.6f}\n"
        for k, (s, (x, y, z)) in enumerate(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True), 1)
    ]
    return (head + "ITEM: ATOMS id element x y z\n" + "".join(rows)).encode()


def clusters(rng: np.random.Generator, count: int) -> list[Atoms]:
    """Small ones of gold and copper, away from the walls of their boxes."""
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3) * 2.6 + 4
    found = []
    for _ in range(count):
        n = int(rng.integers(2, 7))
        places = grid[rng.choice(len(grid), n, replace=False)] + rng.uniform(-0.2, 0.2, (n, 3))
        found.append(Atoms([str(s) for s in np.sort(rng.choice(["Au", "Cu"], n))], places))
    return found
