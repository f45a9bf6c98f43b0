"""A worker process: makes one calculator and computes energies and forces with it, one structure after the other.

What comes in and goes out are numbers in bytes and texts in JSON; nothing is ever unpickled. The first message says how to make
the calculator. A worker has one thread, and does not import jax.
"""

import json
import signal
import struct
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from functools import reduce
from importlib import import_module
from inspect import signature
from multiprocessing.connection import Connection
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from clusteropt.errors import in_a_line

_HEAD = struct.Struct("<q?")  # the number of the question, and whether it has initial values or was answered
# Seconds after the timeout at which a worker that nobody has ended ends itself, unless its calculator uses the same signal.
_GRACE = 5.0
_LONGEST = 1e9  # seconds that a timer takes
_VACUUM = 12.0  # angstrom around a cluster in the box of a calculator that needs one


def question_bytes(number: int, numbers: Any, positions: Any, initial: Any = None) -> bytes:
    """A question: atomic numbers (n_atoms,) int32, positions (n_atoms, 3) float64 in angstrom, and perhaps `initial` values."""
    more = b"" if initial is None else initial.tobytes()
    return _HEAD.pack(number, initial is not None) + numbers.tobytes() + positions.tobytes() + more


def answer_of(content: bytes) -> tuple[int, Any]:
    """The number of the question, and the energy (eV) with the forces (n_atoms, 3) in one array, or a text: what went wrong."""
    import numpy as np

    number, fine = _HEAD.unpack_from(content)
    return number, np.frombuffer(content, "<f8", offset=_HEAD.size) if fine else content[_HEAD.size :].decode()


def main(descriptor: int) -> None:
    """Serves the pool at the other end of the descriptor until it is closed."""
    link = Connection(descriptor)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    recipe = json.loads(link.recv_bytes())
    try:
        calculator = made(recipe["place"], recipe["options"])
        if recipe["allows"] is not None:
            check_known(recipe["options"], calculator, recipe["allows"])
    except (Exception, SystemExit) as problem:  # noqa: BLE001  whatever the package raises
        about = [type(problem).__name__, getattr(problem, "name", None) or "", in_a_line(problem), near(problem)]
        link.send_bytes(json.dumps(about).encode())
        return
    link.send_bytes(b"[]")
    while True:
        try:
            content = link.recv_bytes()
        except (EOFError, OSError):
            return
        signal.setitimer(signal.ITIMER_REAL, min(recipe["timeout"] + _GRACE, _LONGEST))  # whose signal ends the process
        answer = _answered(calculator, content, recipe["needs_cell"])
        signal.setitimer(signal.ITIMER_REAL, 0)
        link.send_bytes(answer)


def made(place: str, options: dict[str, Any]) -> Any:
    """The calculator of the class or function at module:Class."""
    module, _, attribute = place.partition(":")
    factory: Any = reduce(getattr, attribute.split("."), import_module(module))
    return factory(**options)


def near(problem: BaseException) -> str:
    """The name of a module, or of what a module has, that resembles the one that is missing; empty without one."""
    name = getattr(problem, "name", None) or ""
    if isinstance(problem, ModuleNotFoundError):
        package, _, last = name.rpartition(".")
        places = None if not package else list(getattr(sys.modules.get(package), "__path__", []))
        found = get_close_matches(last, [one.name for one in iter_modules(places)], n=1)
        return f"{package}.{found[0]}" if found and package else "".join(found)
    if isinstance(problem, AttributeError) and isinstance(problem.obj, ModuleType):
        return "".join(get_close_matches(name, [one for one in dir(problem.obj) if not one.startswith("_")], n=1))
    return ""


def check_known(options: dict[str, Any], calculator: Any, others: Iterable[str] = ()) -> None:
    """Raises TypeError for an option that the calculator names nowhere, nor is among the `others`; ASE takes any in silence."""
    named = signature(type(calculator)).parameters.values()
    own = {one.name for one in named if one.kind is not one.VAR_KEYWORD} - {"atoms"}
    known = own | {*getattr(calculator, "default_parameters", ()), *others}
    for key in sorted(options.keys() - known):
        raise TypeError(f"no option '{key}'; there are {', '.join(sorted(known))}")


def computed(calculator: Any, needs_cell: bool, numbers: Any, positions: Any, initial: Any = None) -> Any:
    """Energy and forces in one array (1 + 3 n_atoms,), the energy that belongs to the forces where a method has two.

    The calculator forgets what it has computed before, so that the values depend on nothing but the positions. Raises ValueError
    for values that are no numbers, and whatever the calculator raises.
    """
    import numpy as np
    from ase import Atoms

    atoms = Atoms(numbers, positions=positions)
    if initial is not None:
        atoms.set_initial_magnetic_moments(initial[:, 0])
        atoms.set_initial_charges(initial[:, 1])
    if needs_cell:
        atoms.center(_VACUUM)
        atoms.pbc = True
    if hasattr(calculator, "reset"):
        calculator.reset()
    forces = np.array(calculator.get_property("forces", atoms), float)
    results = calculator.results
    energy = results.get("free_energy", results.get("energy"))
    found = np.concatenate([[float(energy)], forces.ravel()])
    if len(found) != 1 + 3 * len(atoms) or not np.isfinite(found).all():
        raise ValueError("the energy or a force is not a finite number")
    return found


def _answered(calculator: Any, content: bytes, needs_cell: bool) -> bytes:
    import numpy as np

    number, has_initial = _HEAD.unpack_from(content)
    n_atoms = (len(content) - _HEAD.size) // (44 if has_initial else 28)
    numbers = np.frombuffer(content, "<i4", n_atoms, _HEAD.size)
    reals = np.frombuffer(content, "<f8", -1, _HEAD.size + 4 * n_atoms)
    positions = reals[: 3 * n_atoms].reshape(-1, 3)
    initial = reals[3 * n_atoms :].reshape(-1, 2) if has_initial else None
    try:
        found = computed(calculator, needs_cell, numbers, positions, initial)
    except (Exception, SystemExit) as problem:  # noqa: BLE001  whatever the calculator raises
        return _HEAD.pack(number, False) + words_of(problem).encode()
    return _HEAD.pack(number, True) + found.astype("<f8").tobytes()


def words_of(problem: BaseException) -> str:
    """The error of a calculator, in a line."""
    if type(problem).__name__ == "PropertyNotImplementedError":
        return "the calculator gives no forces"
    return f"{type(problem).__name__}: {in_a_line(problem)}"
