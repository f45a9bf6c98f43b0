"""Parameter sets: TOML files, read, checked and turned into a `Potential` for the elements at hand.

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
from dataclasses import dataclass, field, replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from clusteropt.errors import InputError, UsageError, suggest
from clusteropt.potentials import forms, scope
from clusteropt.potentials.base import Potential
from clusteropt.resources import shipped

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


@dataclass(frozen=True)
class ParameterSet:
    """A parameter file, checked."""

    name: str
    form: str
    elements: tuple[str, ...]
    units: dict[str, str]
    source: str
    doi: str
    pairs: dict[tuple[str, str], dict[str, float]]  # both orders of the elements
    triples: dict[tuple[str, str, str], dict[str, float]]  # centre first, both orders of the others
    default_for: tuple[str, ...]
    doubtful: str
    notes: str
    onset: float | None  # Lennard-Jones only; the other forms carry theirs with the pairs
    cutoff: float | None
    own: bool = field(default=False, compare=False)  # the user's, not a shipped one

    def covers(self, elements: tuple[str, ...]) -> bool:
        return all((a, b) in self.pairs for a in elements for b in elements)

    def potential(self, elements: tuple[str, ...]) -> Potential:
        """Ready to compute for clusters of these elements (in the order of the set, whatever the order given)."""
        chosen = tuple(e for e in self.elements if e in elements)
        missing = [e for e in elements if e not in self.elements]
        missing += [f"{a}-{b}" for a in chosen for b in chosen if (a, b) not in self.pairs and a <= b]
        if missing:
            raise UsageError(
                f"potential '{self.name}' has no parameters for {', '.join(missing)}; it knows {self.describe_pairs()}; "
                "see `clusteropt potentials list`"
            )
        return forms.build(self, chosen)

    @property
    def shown_name(self) -> str:
        """Another than that of any shipped set, if it is the user's own."""
        return f"{self.name} (own)" if self.own and self.name in names() else self.name

    def describe_pairs(self) -> str:
        return ", ".join(sorted({"-".join(sorted(pair)) if pair[0] != pair[1] else pair[0] for pair in self.pairs}))

    def record(self) -> dict[str, Any]:
        """What a list of sets shows."""
        return {
            "name": self.name,
            "form": self.form,
            "elements": list(self.elements),
            "default_for": list(self.default_for),
            "units": self.units,
            "source": self.source,
            "doi": self.doi,
            "doubtful": self.doubtful,
            "notes": self.notes.strip(),
        }

    def table(self, key: str, elements: tuple[str, ...]) -> np.ndarray:
        """(n_species, n_species) values of one pair parameter."""
        return np.array([[self.pairs[a, b][key] for b in elements] for a in elements])


def names() -> list[str]:
    """The names of the shipped sets, sorted."""
    return sorted(f.name.removesuffix(".toml") for f in shipped("potentials").iterdir() if f.name.endswith(".toml"))


def load(name: str) -> ParameterSet:
    """A shipped set by name, or a user's own by the path of its TOML file."""
    return replace(read(_file_of(name)), own=name not in names())


def text_of(name: str) -> str:
    """The parameter file itself."""
    path = _file_of(name)
    read(path)
    return path.read_text(encoding="utf-8")


def _file_of(name: str) -> Path | Traversable:
    if name.endswith(".toml") or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"{name}: no such parameter file: check the name")
        return path
    if name not in names():
        doubtful = ", ".join(known for known in names() if load(known).doubtful)
        raise UsageError(
            f"no potential named '{name}'; {suggest(name, names())} (doubtful: {doubtful}); or the path of a .toml file"
        )
    return shipped("potentials") / f"{name}.toml"


def doubt(name: str | None) -> str:
    """A sentence about the set of that name where it is doubtful; empty elsewhere, and where none is named."""
    why = "" if name is None else load(name).doubtful
    return f"potential {name} is doubtful: {why}" if why else ""


def default(elements: tuple[str, ...]) -> ParameterSet:
    """The set that serves these elements when none is named."""
    sets = [load(name) for name in names()]
    for candidate in sets:
        if set(elements) in [set(system.split("-")) for system in candidate.default_for]:
            return candidate
    raise UsageError(f"no default potential for {'-'.join(elements)}; {scope.refusal(elements, sets)}")


def serving(elements: tuple[str, ...], named: str | ParameterSet | None = None) -> ParameterSet:
    """The set that is named, or at hand already; without one, the default for these elements. Raises as `load` and `default`."""
    return load(named) if isinstance(named, str) else named or default(elements)


def potential_for(elements: tuple[str, ...], named: str | ParameterSet | None = None) -> Potential:
    """The potential for clusters of these elements, of the set that serves them."""
    return serving(elements, named).potential(elements)


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
    """Whether there is room between onset and cutoff for the energy to be switched off."""
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
