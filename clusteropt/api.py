"""ASE atoms to results: what the command line and Python programs call."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict, Unpack, overload

from ase import Atoms

from clusteropt.clusters.arrays import Structure
from clusteropt.engine.lanes import Watch, renumbered
from clusteropt.engine.step import Status
from clusteropt.errors import CalculatorFailed, InputError, UsageError
from clusteropt.io.doubts import warn_caller
from clusteropt.io.structures import elements_of, to_structure
from clusteropt.optimizers.learned.weights import LearnedOptimizer, named
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.potentials.calculators import known
from clusteropt.potentials.parameters import ParameterSet
from clusteropt.result import Certified, Result, failed
from clusteropt.runtime import host
from clusteropt.search.certify import certified
from clusteropt.search.inputs import Fault, misplaced
from clusteropt.search.local import evaluated, minimized
from clusteropt.search.minimum import Minimum
from clusteropt.search.observer import SILENT, Observer, Renumbered
from clusteropt.search.polish import TIGHT
from clusteropt.search.searches import Kit, searched
from clusteropt.settings.config import MinimizeSettings
from clusteropt.settings.keywords import changed, signed
from clusteropt.words import counted

IN_MEMORY = "in-memory"


class MinimizeChanges(TypedDict, total=False):
    """The keyword arguments of `minimize`, for type checkers."""

    optimizer: str | LearnedOptimizer
    opt: str | None
    fmax: float | None
    rms: float | None
    max_steps: int
    perturb: float
    seed: int
    trajectories: int
    steps: int | None
    hops: int | None
    start: str
    all_minima: bool


@overload
def minimize(
    structures: Atoms,
    potential: str | None = ...,
    *,
    calculator: Any = ...,
    **changes: Unpack[MinimizeChanges],
) -> Result: ...
@overload
def minimize(
    structures: Sequence[Atoms],
    potential: str | None = ...,
    *,
    calculator: Any = ...,
    **changes: Unpack[MinimizeChanges],
) -> list[Result]: ...
@overload
def minimize(
    structures: Atoms | Sequence[Atoms],  # as `ase.io.read` is declared
    potential: str | None = ...,
    *,
    calculator: Any = ...,
    **changes: Unpack[MinimizeChanges],
) -> Any: ...
def minimize(
    structures: Atoms | Sequence[Atoms],
    potential: str | None = None,
    *,
    calculator: Any = None,
    **changes: Unpack[MinimizeChanges],
) -> Result | list[Result]:
    """The lowest minima found from the given structures: one Result for one Atoms object, a list for a sequence.

    `optimizer` may also be what `train_es`, `train_ga` or `load_optimizer` has returned. A structure that cannot be used has a
    Result with status 'invalid-structure' or 'no-potential'. Raises UsageError for an argument that is not allowed.

    `calculator`: an ASE calculator, its class, or a name such as 'emt', in place of a potential.
    """
    potential = known.chosen(potential, calculator)
    given: dict[str, Any] = {**changes, "potential": potential}
    optimizer = given.get("optimizer")
    learned = optimizer if isinstance(optimizer, LearnedOptimizer) else None
    if learned is not None:
        del given["optimizer"]
    settings = changed(MinimizeSettings(), given, "minimize")
    warn_caller(sets.doubt(potential))
    several = _several(structures)
    results = _all(results_of(several, settings, learned=learned))
    warn_caller(_of_boxes(list(results.values()), settings.method().local.optimizer))
    return results[0] if isinstance(structures, Atoms) else [results[i] for i in range(len(several))]


signed(minimize, MinimizeSettings())


@overload
def energy(structures: Atoms, potential: str | None = ..., *, calculator: Any = ...) -> Result: ...
@overload
def energy(structures: Sequence[Atoms], potential: str | None = ..., *, calculator: Any = ...) -> list[Result]: ...
@overload
def energy(structures: Atoms | Sequence[Atoms], potential: str | None = ..., *, calculator: Any = ...) -> Any: ...
def energy(
    structures: Atoms | Sequence[Atoms], potential: str | None = None, *, calculator: Any = None
) -> Result | list[Result]:
    """Energies and forces of the structures as they are: one Result for one Atoms object, a list for a sequence.

    `calculator`: an ASE calculator, its class, or a name such as 'emt', in place of a potential.
    """
    potential = known.chosen(potential, calculator)
    warn_caller(sets.doubt(potential))
    several = _several(structures)
    results = _all(results_of(several, MinimizeSettings(potential), move=False))
    return results[0] if isinstance(structures, Atoms) else [results[i] for i in range(len(several))]


@overload
def certify(
    structures: Atoms, potential: str | None = ..., *, calculator: Any = ..., symmetrize: bool = ...
) -> Certified: ...
@overload
def certify(
    structures: Sequence[Atoms], potential: str | None = ..., *, calculator: Any = ..., symmetrize: bool = ...
) -> list[Certified]: ...
@overload
def certify(
    structures: Atoms | Sequence[Atoms], potential: str | None = ..., *, calculator: Any = ..., symmetrize: bool = ...
) -> Any: ...
def certify(
    structures: Atoms | Sequence[Atoms],
    potential: str | None = None,
    *,
    calculator: Any = None,
    symmetrize: bool = False,
) -> Certified | list[Certified]:
    """The minima below the structures, with the proof that they are: one Certified for one Atoms object, a list for several.

    Structures are minimized to 1e-8 of the potential's energy over length scale (by a calculator 5e-4); saddle points are left.
    With `symmetrize` atoms go to symmetric places nearby first, where that does not end higher.

    `calculator`: an ASE calculator, its class, or a name such as 'emt', in place of a potential.
    """
    potential = known.chosen(potential, calculator)
    warn_caller(sets.doubt(potential))
    several = _several(structures)
    groups, failures = _by_potential(several, potential, TIGHT.optimizer)
    found = {i: Certified(r.given, r.minimum, r.potential, r.optimizer) for i, r in failures.items()}
    for members in groups.values():
        found |= _certified(several, members, symmetrize)
    return found[0] if isinstance(structures, Atoms) else [found[i] for i in range(len(several))]


def _certified(structures: Sequence[Atoms], members: list["Member"], symmetrize: bool) -> dict[int, Certified]:
    """The certified results, by the structures' indices, of members that share a potential."""
    potential, inputs = members[0][1], [structure for _, _, structure in members]
    with host.double_precision():
        certificates = certified(inputs, potential, symmetrize=symmetrize)
    pairs = zip([i for i, _, _ in members], certificates, strict=True)
    return {i: Certified(structures[i], one.minimum, potential, TIGHT.optimizer, one) for i, one in pairs}


def results_of(
    structures: Sequence[Atoms],
    settings: MinimizeSettings,
    *,
    move: bool = True,
    watch: Watch | None = None,
    observer: Observer = SILENT,
    unfinished: bool = False,
    learned: LearnedOptimizer | None = None,
) -> Iterator[dict[int, Result]]:
    """Yields the results by the structures' indices, a portion at a time as they are done; `move=False` only evaluates.

    `watch(index, n_evaluations, positions)` sees the structures on their way, `observer` is told the progress. With `unfinished`,
    a search that KeyboardInterrupt stops yields the lowest minima found so far, with status 'interrupted', before it raises
    KeyboardInterrupt again. A `learned` optimizer takes the place of the one that the settings name.
    """
    asked = (settings.optimizer if learned is None else IN_MEMORY) if move else "none"
    method = settings.method()
    if learned is None and move and method.learned is not None:
        learned = named(method.learned)
    groups, failures = _by_potential(structures, settings.potential, asked, move)
    yield failures
    for members in groups.values():
        potential = members[0][1]
        indices, inputs = [i for i, _, _ in members], [structure for _, _, structure in members]
        show = None if watch is None else renumbered(watch, indices)
        observer.begins(potential, indices)
        hear = Renumbered(observer, indices)
        if not move:
            portions = evaluated(inputs, potential)
        elif learned is None or method.search is None:
            portions = minimized(inputs, potential, method.local, show, hear)
        else:
            portions = searched(inputs, Kit(potential, method.local, method.search, learned), hear, unfinished)
        # a box is no cluster to search
        by = [asked if learned is None or one.cell is None else method.local.optimizer for one in inputs]
        for minima in _in_double(portions):
            yield {
                indices[k]: Result(structures[indices[k]], minimum, potential, by[k]) for k, minimum in minima.items()
            }


def _of_boxes(results: list[Result], optimizer: str) -> str:
    """A sentence about structures in periodic boxes where a search was asked for; empty without any."""
    boxed = sum(result.won != "" and result.optimizer == optimizer for result in results)
    if not boxed:
        return ""
    return (
        f"{boxed} of {counted(len(results), 'structure')} in a periodic box: local minimization only, by "
        f"{optimizer}; atoms.pbc = False has a cluster in vacuum searched"
    )


def _several(structures: Atoms | Sequence[Atoms]) -> list[Atoms]:
    """Copies of the structures. Raises UsageError for anything but Atoms or a sequence."""
    if isinstance(structures, Atoms):
        return [_own(structures)]
    if not isinstance(structures, Iterable) or isinstance(structures, str):
        raise _no_atoms(structures)
    return [_own(atoms) for atoms in structures]


def _no_atoms(given: object) -> UsageError:
    return UsageError(f"structures must be ASE Atoms, got {type(given).__name__}: read files with ase.io.read")


def _own(atoms: Atoms) -> Atoms:
    """A copy, because the caller may change the original. Anything but Atoms is refused later."""
    if not isinstance(atoms, Atoms):
        return atoms
    copy = atoms.copy()
    copy.calc = atoms.calc
    return copy


def _all(portions: Iterator[dict[int, Result]]) -> dict[int, Result]:
    return {i: result for portion in portions for i, result in portion.items()}


def _in_double(portions: Iterator[dict[int, Minimum]]) -> Iterator[dict[int, Minimum]]:
    """The portions, computed in double precision; between two portions the caller has its own settings of jax."""
    while True:
        with host.double_precision():
            portion = next(portions, None)
        if portion is None:
            return
        yield portion


Member = tuple[int, Potential, Structure]


def _by_potential(
    structures: Sequence[Atoms], name: str | None, optimizer: str, move: bool = True
) -> tuple[dict[tuple, list[Member]], dict[int, Result]]:
    """Groups of structures that share a potential, and the results of structures that cannot be used."""
    if odd := [one for one in structures if not isinstance(one, Atoms)]:
        raise _no_atoms(odd[0])
    groups: dict[tuple, list[Member]] = {}
    failures: dict[int, Result] = {}
    found: dict[tuple[str, ...], Potential | Fault] = {}
    chosen, hosted = (None, False) if name is None else (sets.load(name), known.is_known(name))
    for i, atoms in enumerate(structures):
        if hosted and (fault := misplaced(atoms.positions)):  # no calculator is asked about it, not even for scales
            failures[i] = failed(atoms, Status.INVALID_STRUCTURE, fault, optimizer)
            continue
        elements = elements_of(atoms)
        if elements not in found:
            found[elements] = _potential(elements, chosen, move)
        potential = found[elements]
        if not isinstance(potential, Potential):
            failures[i] = failed(atoms, potential[1], potential[0], optimizer)
            continue
        try:
            structure = to_structure(atoms, potential)
            groups.setdefault((potential.name, potential.elements), []).append((i, potential, structure))
        except InputError as problem:
            failures[i] = failed(atoms, Status.INVALID_STRUCTURE, str(problem), optimizer, potential)
    return groups, failures


def _potential(elements: tuple[str, ...], chosen: ParameterSet | None, move: bool) -> Potential | Fault:
    if not elements:
        return "a frame without atoms: remove it from the file", Status.INVALID_STRUCTURE
    try:
        return sets.potential_for(elements, chosen, move)
    except UsageError as problem:
        broken = isinstance(problem, CalculatorFailed)
        return str(problem), Status.CALCULATOR_FAILED if broken else Status.NO_POTENTIAL
