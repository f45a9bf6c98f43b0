"""Parameter files: TOML, read and checked.

A file names its form, elements, units and source, and gives the numbers:

    form = "gupta"
    elements = ["Au"]
    units = { energy = "eV", length = "angstrom" }
    source = "F. Cleri and V. Rosato, Phys. Rev. B 48, 22 (1993)"
    doi = "10.1103/PhysRevB.48.22"

    [pairs.Au-Au]
    A = 0.2061       # eV
    ...

Optional: `default_for`, the elements ("Au") and mixtures ("Ag-Au") that the set serves when no potential is named;
`doubtful`, why the set should not be trusted; `notes`; for Lennard-Jones `mixing = "lorentz-berthelot"`, `onset` and
`cutoff`. Stillinger-Weber has `[triples.Si-Si-Si]` as well.
"""

import math
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path

from ase.data import chemical_symbols

from clusteropt.errors import InputError, suggest
from clusteropt.potentials import forms
from clusteropt.potentials.parameters import ParameterSet

_PAIR_KEYS = {
    "lennard-jones": ({"epsilon", "sigma"}, set()),
    "gupta": ({"A", "xi", "p", "q", "r0"}, {"onset", "cutoff"}),
    "stillinger-weber": ({"epsilon", "sigma", "a", "gamma", "A", "B"}, set()),
}
_TOP_KEYS = {"form", "elements", "units", "source", "doi", "pairs", "triples", "default_for", "doubtful", "notes"}
_TOP_KEYS |= {"mixing", "onset", "cutoff"}
_SMALLEST_GAMMA = 0.1  # below it, the three-body function does not vanish at the cutoff in floating-point numbers
_LARGEST = 1e300  # of a parameter
_UNITS = ({"energy": "eV", "length": "angstrom"}, {"energy": "epsilon", "length": "sigma"})


def read(path: Path | Traversable) -> ParameterSet:
    """A parameter file, checked. Raises InputError naming the file, the problem and the cure."""
    name = path.name.removesuffix(".toml")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return _checked(name, data)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"{path}: not a TOML file: {problem}") from problem
    except OSError as problem:
        raise InputError(f"{path}: cannot be read: {problem.strerror}") from problem
    except InputError as problem:
        raise InputError(f"{path}: {problem}") from None


def _checked(name: str, data: dict) -> ParameterSet:
    _check_about(data)
    form = data["form"]
    elements = _elements(data["elements"])
    default_for = data.get("default_for", [])
    if not isinstance(default_for, list) or not all(isinstance(system, str) for system in default_for):
        raise InputError(f'default_for must be a list like ["Ag", "Ag-Cu"], got {default_for!r}')
    pairs = _pairs(form, elements, data["pairs"])
    if data.get("mixing") == "lorentz-berthelot" and form == "lennard-jones":
        _mix(pairs, elements)
    elif "mixing" in data:
        raise InputError(f"mixing '{data['mixing']}' is not known; allowed: lorentz-berthelot, for form lennard-jones")
    onset, cutoff = (None if data.get(k) is None else _number(f"{k}", data[k]) for k in ("onset", "cutoff"))
    if cutoff is not None and form != "lennard-jones":
        raise InputError("onset and cutoff of a whole set belong to form lennard-jones; gupta has them with its pairs")
    if (onset is None) != (cutoff is None) or (onset is not None and not _below(data)):
        raise InputError("onset and cutoff go together, onset below cutoff")
    _binds(form, pairs)
    return ParameterSet(
        name=name,
        form=form,
        elements=elements,
        units=data["units"],
        source=data["source"],
        doi=data.get("doi", ""),
        pairs=pairs,
        triples=_triples(form, pairs, data.get("triples", {})),
        default_for=tuple(default_for),
        doubtful=data.get("doubtful", ""),
        notes=data.get("notes", ""),
        onset=onset,
        cutoff=cutoff,
    )


def _check_about(data: dict) -> None:
    """Raises InputError for wrong keys, and for wrong values of those that are no numbers."""
    for key in data:
        if key not in _TOP_KEYS:
            raise InputError(f"unknown key '{key}'; {suggest(key, sorted(_TOP_KEYS))}")
    for key in ("form", "elements", "units", "source", "pairs"):
        if key not in data:
            raise InputError(f"the key '{key}' is missing")
    form = data["form"]
    if not isinstance(form, str) or form not in _PAIR_KEYS:
        raise InputError(f"unknown form '{form}'; {suggest(str(form), sorted(_PAIR_KEYS))}")
    if data["units"] not in _UNITS:
        raise InputError(f"units must be one of {' or '.join(map(str, _UNITS))}, got {data['units']}")
    if data.get("doubtful") and data.get("default_for"):
        raise InputError("a doubtful set is never a default: leave out default_for")
    for key in ("source", "doi", "notes", "doubtful"):
        if not isinstance(data.get(key, ""), str) or (key == "source" and not data[key].strip()):
            raise InputError(f"{key} must be a text, got {data[key]!r:.30}")


def _elements(given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(e, str) for e in given):
        raise InputError(f'elements must be a list like ["Ag", "Cu"], got {given!r}')
    unknown = [e for e in given if e not in chemical_symbols]
    if unknown or len(set(given)) < len(given):
        raise InputError(f"elements must be chemical symbols, each named once, got {', '.join(given)}")
    return tuple(given)


def _number(what: str, value: object, sign: int = 1) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        raise InputError(f"{what} must be a finite number, got {value!r:.30}")
    if sign > 0 and value <= 0:
        raise InputError(f"{what} must be positive, got {value!r}")
    return float(value)


def _below(values: dict[str, float]) -> bool:
    """True where there is room between onset and cutoff for the energy to be switched off."""
    return values["onset"] < (1 - 1e-3) * values["cutoff"]


def _binds(form: str, pairs: dict[tuple[str, str], dict[str, float]]) -> None:
    for (a, b), values in pairs.items():
        if form == "gupta" and forms.gupta_bond(values["A"], values["xi"]) <= 0:
            raise InputError(
                f"[pairs.{a}-{b}] binds nothing: is A from a convention that counts each pair once? Then halve it"
            )


def _split(key: str, count: int, elements: tuple[str, ...]) -> tuple[str, ...]:
    parts = tuple(key.split("-"))
    if len(parts) != count or any(p not in elements for p in parts):
        raise InputError(f"'{key}' must name {count} of the set's elements joined by '-': {', '.join(elements)}")
    return parts


def _tables(name: str, given: object) -> None:
    if not isinstance(given, dict) or not all(isinstance(values, dict) for values in given.values()):
        raise InputError(f"{name} must be tables of parameters, as [{name}.Au-Au{'-Au' * (name == 'triples')}]")


def _pairs(form: str, elements: tuple[str, ...], given: dict) -> dict[tuple[str, str], dict[str, float]]:
    required, optional = _PAIR_KEYS[form]
    _tables("pairs", given)
    pairs: dict[tuple[str, str], dict[str, float]] = {}
    for key, values in given.items():
        a, b = _split(key, 2, elements)
        for k in values:
            if k not in required | optional:
                raise InputError(f"[pairs.{key}] unknown parameter '{k}'; {suggest(k, sorted(required | optional))}")
        for k in required:
            if k not in values:
                raise InputError(f"[pairs.{key}] the parameter '{k}' is missing")
        if (a, b) in pairs:
            raise InputError(f"[pairs.{key}] stands twice (the order of the elements does not matter)")
        pairs[a, b] = pairs[b, a] = {k: _number(f"[pairs.{key}] {k}", v) for k, v in values.items()}
        if ("onset" in values) != ("cutoff" in values) or ("onset" in values and not _below(values)):
            raise InputError(f"[pairs.{key}] onset and cutoff go together, onset below cutoff")
        if values.get("gamma", 1) < _SMALLEST_GAMMA:
            raise InputError(f"[pairs.{key}] gamma must be at least {_SMALLEST_GAMMA}, got {values['gamma']}")
    if len({"cutoff" in p for p in pairs.values()}) > 1:
        raise InputError("either every pair has a cutoff or none")
    missing = [e for e in elements if (e, e) not in pairs]
    if missing:
        raise InputError(f"[pairs.{missing[0]}-{missing[0]}] is missing")
    return pairs


def _mix(pairs: dict[tuple[str, str], dict[str, float]], elements: tuple[str, ...]) -> None:
    """Adds the pairs that are not given: arithmetic mean of sigma, geometric mean of epsilon."""
    for a in elements:
        for b in elements:
            if (a, b) not in pairs:
                one, two = pairs[a, a], pairs[b, b]
                sigma, epsilon = (one["sigma"] + two["sigma"]) / 2, math.sqrt(one["epsilon"] * two["epsilon"])
                pairs[a, b] = pairs[b, a] = {"sigma": sigma, "epsilon": epsilon}


def _triples(form: str, pairs: dict, given: dict) -> dict[tuple[str, str, str], dict[str, float]]:
    if form != "stillinger-weber":
        if given:
            raise InputError(f"[triples] belong to form stillinger-weber, not {form}")
        return {}
    _tables("triples", given)
    elements = tuple({a: None for a, _ in pairs})
    triples: dict[tuple[str, str, str], dict[str, float]] = {}
    for key, values in given.items():
        i, j, k = _split(key, 3, elements)
        if set(values) != {"epsilon", "lambda", "cos_theta0"}:
            raise InputError(f"[triples.{key}] needs exactly epsilon, lambda and cos_theta0")
        numbers = {n: _number(f"[triples.{key}] {n}", v, sign=n == "epsilon") for n, v in values.items()}
        if numbers["lambda"] < 0 or abs(numbers["cos_theta0"]) > 1:
            raise InputError(f"[triples.{key}] lambda must not be negative, and cos_theta0 must be between -1 and 1")
        if triples.get((i, j, k), numbers) != numbers:
            raise InputError(f"[triples.{key}] differs from its mirror image {i}-{k}-{j}")
        triples[i, j, k] = triples[i, k, j] = numbers
    for i in elements:
        for j in elements:
            for k in elements:
                if (i, j) in pairs and (i, k) in pairs and (i, j, k) not in triples:
                    raise InputError(f"[triples.{i}-{j}-{k}] is missing (the centre comes first)")
    if len({t["cos_theta0"] for t in triples.values()}) > 1:
        raise InputError("all triples must have the same cos_theta0")
    return triples
