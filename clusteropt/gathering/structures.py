"""A file of structures as records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from scipy.spatial.distance import pdist

from clusteropt.clusters.pointgroups import point_group
from clusteropt.database.rows import formula_of, numbers_of
from clusteropt.database.settings import Wanted
from clusteropt.errors import InputError
from clusteropt.gathering.origins import Made, known_of, origin_of, units_of
from clusteropt.gathering.sizes import in_order, mixtures_of, sizes_of
from clusteropt.io.reading import Frame, Unreadable, Wishes, frames
from clusteropt.pictures.records import Pictured
from clusteropt.records.minima import Composition, Level, Minima, Model, falling, model_of, prescreened_of
from clusteropt.records.shape import spacing
from clusteropt.search.starts import symbols_of
from clusteropt.words import counted, listed

_GROUPS = 12  # structures of a formula, the lowest, whose point groups are determined where the file has none
_LARGE = 300  # atoms, above which they are not
_COINCIDING = 0.01  # spacings, up to which two atoms are at one place
_NAMED = 5  # problems


def minima_of(spec: str, formula: str | None, n_models: int, wishes: Wishes) -> Minima:
    """The structures of a file by formula and energy. Raises InputError where there is none that can be read."""
    every = [*frames(spec, wishes)]
    read = [one for one in every if isinstance(one, Frame)]
    damaged = [one for one in every if isinstance(one, Unreadable)]
    if not read:
        raise InputError(f"{damaged[0].label}: {damaged[0].problem}")
    by_formula = _by_formula(spec, read, Wanted(formula).formula)
    names = [str(one.atoms.info.get("potential", "")) for own in by_formula.values() for one in own]
    potential = names[0] if len({*names}) == 1 else ""
    units = units_of(potential, read[0].atoms.get_chemical_symbols())
    parts = (_composition(name, own, potential, units.shown.energy, n_models) for name, own in by_formula.items())
    compositions = in_order(parts)
    return Minima(
        spec,
        units,
        tuple(compositions),
        origin_of(_made([one.atoms for one in read])),
        sizes_of(compositions),
        mixtures_of(compositions),
        tuple(_missing(damaged, by_formula, {*names})),
    )


def _by_formula(spec: str, read: Sequence[Frame], wanted: str | None) -> dict[str, list[Frame]]:
    """The structures of each formula, or of the one that is wanted. Raises InputError where there is none of that."""
    found: dict[str, list[Frame]] = defaultdict(list)
    for frame in read:
        found[formula_of(frame.atoms.get_chemical_symbols())].append(frame)
    if wanted is None:
        return found
    name = formula_of(symbols_of(wanted))
    if name not in found:
        raise InputError(f"{spec}: there is no structure of {name}: it holds those of {listed(sorted(found))}")
    return {name: found[name]}


def _composition(formula: str, own: Sequence[Frame], potential: str, unit: str, n_models: int) -> Composition:
    energies = {one.label: energy_of(one.atoms) for one in own}
    lowest = {name: energy for name, rank, energy in map(_prescreen, own) if rank == 1}
    levels = falling([_level(one, energy, lowest) for one in own if (energy := energies[one.label]) is not None])
    by_label = {one.label: one.atoms for one in own}
    levels = [_grouped(level, by_label[level.name]) if level.rank <= _GROUPS else level for level in levels]
    models = [model_of(one, formula, unit, by_label[one.name]) for one in levels[:n_models]]
    models = models or [Model(f"{k}. {formula}", one.label, one.atoms) for k, one in enumerate(own[:n_models], 1)]
    known = known_of(potential, Atoms(formula).get_chemical_symbols(), levels[0].energy if levels else None)
    return Composition(formula, tuple(levels), (), tuple(models), *known)


def _level(one: Frame, energy: float, lowest: Mapping[str, float]) -> Level:
    info, (name, rank, cheap) = one.atoms.info, _prescreen(one)
    group, origin, status = (str(info.get(key, "")) for key in ("point_group", "origin", "status"))
    before = prescreened_of(name, rank, cheap, lowest) if rank else None
    return Level(0, energy, 0.0, group, _whole(info.get("times_reached")), origin, None, one.label, status, before)


def _prescreen(one: Frame) -> tuple[str, int, float]:
    """Name, rank and energy by the cheap potential of a search in two levels; a rank of 0 where they are not told."""
    info = one.atoms.info
    energy, rank = info.get("prescreen_energy"), _whole(info.get("prescreen_rank"))
    is_told = isinstance(energy, int | float | np.number) and np.isfinite(energy)
    return (str(info.get("prescreen", "")), rank, float(energy)) if is_told and energy is not None else ("", 0, 0.0)


def _whole(value: Any) -> int:
    """The number; 0 for anything else."""
    return int(value) if isinstance(value, int | np.integer) and value > 0 else 0


def _grouped(level: Level, atoms: Atoms) -> Level:
    """The level with its point group, where that can be determined."""
    if level.point_group or not 1 < len(atoms) <= _LARGE or atoms.pbc.any():
        return level
    if not Pictured(atoms.symbols, atoms.positions, "").is_drawable:
        return level
    length = spacing(atoms.positions)
    if pdist(atoms.positions).min() <= _COINCIDING * length:
        return level
    return level._replace(
        point_group=point_group(atoms.positions, numbers_of(atoms.get_chemical_symbols()), length).symbol
    )


def energy_of(atoms: Atoms) -> float | None:
    """The energy that a file gives; None where there is none, or no finite number."""
    given = {} if atoms.calc is None else atoms.calc.results
    value = given.get("energy", given.get("free_energy", atoms.info.get("energy")))
    number = float(value) if isinstance(value, int | float | np.number) else None
    return number if number is not None and np.isfinite(number) else None


def _made(every: Sequence[Atoms]) -> Made:
    told = [[str(one.info.get(name, "")) for one in every] for name in ("potential", "prescreen", "clusteropt_version")]
    return Made(told[0], told[1], (), told[2])


def _missing(damaged: Sequence[Unreadable], by_formula: dict[str, list[Frame]], potentials: set[str]) -> list[str]:
    said = [f"{one.label}: {one.problem}" for one in damaged[:_NAMED]]
    if len(damaged) > _NAMED:
        said.append(f"{counted(len(damaged) - _NAMED, 'structure')} more could not be read.")
    without = sum(energy_of(one.atoms) is None for own in by_formula.values() for one in own)
    if without:
        said.append(f"{counted(without, 'structure')} without an energy: `clusteropt energy` computes energies.")
    if len(potentials) > 1:
        said.append("The structures name several potentials, so that their energies may not be comparable.")
    return said
