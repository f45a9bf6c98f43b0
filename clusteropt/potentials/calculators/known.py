"""The calculators that this process has been told of, by name, their pools, and the parameter set that stands for each.

Only the command line and Python programs tell it of calculators. A name in a structure or in a TOML file never makes one.
"""

import atexit
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clusteropt.errors import UsageError
from clusteropt.potentials.base import Potential
from clusteropt.potentials.calculators import electrons
from clusteropt.potentials.calculators import recipe as recipes
from clusteropt.potentials.calculators.here import Here
from clusteropt.potentials.calculators.pool import Pool
from clusteropt.potentials.calculators.recipe import Recipe, neutral, recipe_of
from clusteropt.potentials.calculators.scales import Found, rough, scales_of
from clusteropt.potentials.form import REAL_UNITS
from clusteropt.potentials.parameters import ParameterSet
from clusteropt.runtime import machine

_POOLS: dict[str, Pool] = {}
_SCALES: dict[tuple[str, tuple[str, ...]], Found] = {}


def use(recipe: Recipe, n_workers: int | None = None) -> str:
    """Tells this process of a calculator; the name under which it is a potential. Workers: one for each core by default.

    Raises UsageError where the calculator cannot be made.
    """
    wanted = n_workers or machine.n_cores()
    if recipe.name not in _POOLS or (_POOLS[recipe.name].recipe, _POOLS[recipe.name].n_workers) != (recipe, wanted):
        _enter(Pool(recipe, wanted))
    _POOLS[recipe.name].begin()
    return recipe.name


def chosen(potential: str | None, calculator: Any) -> str | None:
    """The name of the potential, or of the calculator in its place. Raises UsageError for both, and as `use_object`."""
    if calculator is None:
        return potential
    if potential is not None:
        raise UsageError("potential and calculator exclude each other: drop one of them")
    return use_object(calculator)


def use_object(calculator: Any, **others: Any) -> str:
    """Tells this process of a calculator of Python: a name as on the command line, a class, a function that makes one, or one.

    A class or function that other processes can import computes in worker processes, anything else in this one. `others` are
    fields of the recipe. Raises UsageError where it is none of these.
    """
    if isinstance(calculator, str):
        return use(recipe_of(calculator, {}, **others))
    module, name = getattr(calculator, "__module__", ""), getattr(calculator, "__qualname__", "<")
    if callable(calculator) and module != "__main__" and "<" not in name:
        return use(recipe_of(f"{module}:{name}", {}, **others))
    makes = isinstance(calculator, type) or (callable(calculator) and not hasattr(calculator, "get_property"))
    made = calculator() if makes else calculator
    if not hasattr(made, "get_property"):
        raise UsageError(f"calculator must be an ASE calculator, a class or a name, got {type(calculator).__name__}")
    options = " ".join(f"{key}={value}" for key, value in sorted(dict(getattr(made, "parameters", {})).items()))
    shown = f"{type(made).__module__}:{type(made).__qualname__} {options}".strip()
    recipe = Recipe(shown, f"object {id(made)}", needs_cell=recipes.needs_cell(shown), **others)
    if shown not in _POOLS or _POOLS[shown].recipe != recipe:
        _enter(Here(recipe, made))
    return shown


def _enter(pool: Pool) -> None:
    """Puts a pool in the place of another of its name."""
    name = pool.recipe.name
    if name in _POOLS:
        _POOLS[name].close()
    else:
        atexit.register(lambda: _POOLS[name].close())
    for key in [key for key in _SCALES if key[0] == name]:
        del _SCALES[key]
    _POOLS[name] = pool


def kill_all() -> None:
    """Kills the workers of all calculators, for a process that ends at once: a worker that waits for a disk may end later."""
    for pool in _POOLS.values():
        pool.kill()


def is_known(name: str | None) -> bool:
    """True for the name of a calculator that this process has been told of."""
    return name in _POOLS


def version_of(name: str | None) -> str:
    """Package and version of the calculator of that name, as 'tblite 0.4.0'; empty where unknown, and for a potential."""
    recipe = recipe_named(name)
    return "" if recipe is None else recipes.version_of(recipe.place)


def recipe_named(name: str | None) -> Recipe | None:
    """The recipe of the calculator of that name, for another process; None for any other name, and for none."""
    return _POOLS[name].recipe if name in _POOLS else None


def pool_of(name: str) -> Pool:
    """The pool of the calculator of that name."""
    return _POOLS[name]


@dataclass(frozen=True)
class CalculatorSet(ParameterSet):
    """A calculator in the place of a parameter set: it knows whatever elements it can compute."""

    def covers(self, elements: tuple[str, ...]) -> bool:
        return True

    def potential(self, elements: tuple[str, ...]) -> Potential:
        """The potential for clusters of these elements, with scales that are found here. Raises as `scales_of`."""
        chosen = self._checked(elements)
        if (self.name, chosen) not in _SCALES:
            found = _SCALES[self.name, chosen] = _scales_found(_POOLS[self.name], chosen)
            if found.missing:
                warnings.warn(_doubt(self.name, chosen, found), stacklevel=2)
        return self._scaled(chosen, _SCALES[self.name, chosen])

    def at_rest(self, elements: tuple[str, ...]) -> Potential:
        """The potential for clusters that are not moved, with scales that are known or given, or rough ones: nothing is computed.

        Raises UsageError for X.
        """
        chosen = self._checked(elements)
        given = _POOLS[self.name].recipe.scales
        return self._scaled(chosen, _SCALES.get((self.name, chosen)) or rough(chosen, given))

    def _checked(self, elements: tuple[str, ...]) -> tuple[str, ...]:
        if "X" in elements:
            raise UsageError(f"calculator '{self.name}' computes elements, not X: name the element, as Ar13")
        return tuple(sorted(set(elements)))

    def _scaled(self, elements: tuple[str, ...], found: Found) -> Potential:
        about: dict[str, Any] = {"energy_unit": REAL_UNITS["energy"], "length_unit": REAL_UNITS["length"]}
        own = {"parameters": {}, "form": self.form, "name": self.name, "elements": elements, "cutoff": None}
        scales = {key: value for key, value in found._asdict().items() if key != "missing"}
        return Potential(**own, **about, **scales, calculator=self.name)


def _doubt(name: str, elements: tuple[str, ...], found: Found) -> str:
    """The warning about scales for which the calculator has failed in part."""
    told = f"calculator {name} failed for {found.missing}, so its scales for {'-'.join(elements)} are rough"
    given = f"set them, as --calculator-scales {found.length:.3g},{found.energy:.3g}"
    return f"{told}, and a run in which it does not fail finds others: {given}"


def _scales_found(pool: Pool, elements: tuple[str, ...]) -> Found:
    """The scales, of neutral clusters. Raises as `scales_of`."""
    recipe = neutral(pool.recipe)
    if recipe == pool.recipe or isinstance(pool, Here):
        return scales_of(pool, elements, pool.recipe.scales)
    others = Pool(recipe, pool.n_workers)
    try:
        return scales_of(others, elements, recipe.scales)
    finally:
        others.close()


def electron_fault(name: str, numbers: Sequence[int]) -> str:
    """The sentence about a multiplicity or charge of the calculator that these atoms cannot have; empty for any other."""
    pool = _POOLS.get(name)
    return "" if pool is None or isinstance(pool, Here) else electrons.electron_fault(pool.recipe, numbers)


def failures(name: str | None) -> str:
    """How many evaluations of the calculator have failed, in words; empty for none, and for a potential."""
    return "" if name is None or name not in _POOLS else _POOLS[name].failures


def set_of(name: str) -> CalculatorSet:
    """The parameter set that stands for the calculator of that name."""
    return CalculatorSet(
        name=name,
        form="calculator",
        elements=(),
        units=dict(REAL_UNITS),
        source=f"ASE calculator {name}",
        doi="",
        pairs={},
        triples={},
        default_for=(),
        doubtful="",
        notes="",
        options={},
    )
