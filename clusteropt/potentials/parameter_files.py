"""Reads and checks parameter files, which are TOML.

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
`doubtful`, why the set should not be trusted; `notes`; and the keys that the form has for the whole set, as Lennard-Jones
`mixing`, `onset` and `cutoff`. Forms with three-body terms have `[triples.Si-Si-Si]` as well.
"""

import tomllib
from contextlib import suppress
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols

from clusteropt.errors import InputError, UsageError, suggest
from clusteropt.potentials import fitted
from clusteropt.potentials.form import Form, form_of
from clusteropt.potentials.parameter_values import pairs_of, triples_of, value_of
from clusteropt.potentials.parameters import ParameterSet
from clusteropt.runtime import plugins

_KEYS = {"form", "elements", "units", "source", "doi", "pairs", "triples", "default_for", "doubtful", "notes"}


def read(path: Path | Traversable) -> ParameterSet:
    """A parameter file, checked; a .h5 file is a fitted potential. Raises InputError: the file, the problem and the cure."""
    if path.name.endswith(".h5"):
        return fitted.load(path).as_set(path.name.removesuffix(".h5"))
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


def _checked(name: str, data: dict[str, Any]) -> ParameterSet:
    form = _form(data)
    _check_about(data, form)
    elements = _elements(data["elements"])
    pairs = pairs_of(form, elements, data["pairs"])
    given = ParameterSet(
        name=name,
        form=form.name,
        elements=elements,
        units=data["units"],
        source=data["source"],
        doi=data.get("doi", ""),
        pairs=pairs,
        triples=triples_of(form, elements, pairs, data.get("triples", {})),
        default_for=_default_for(data),
        doubtful=data.get("doubtful", ""),
        notes=data.get("notes", ""),
        options={key: value_of(key, data[key], kind) for key, kind in form.set_keys.items() if key in data},
    )
    return form.completed(given)


def _form(data: dict[str, Any]) -> Form:
    if "form" not in data:
        raise InputError("the key 'form' is missing")
    name = data["form"]
    if not isinstance(name, str) or not plugins.is_known("potentials", name):
        raise InputError(
            f"unknown form '{name}'; {suggest(str(name), sorted(form.name for form in _forms() if form.pair_keys))}"
        )
    return form_of(name)


def _check_about(data: dict[str, Any], form: Form) -> None:
    """Raises InputError for unknown or missing keys, and for invalid values of keys that hold text."""
    _check_keys(data, form)
    for key in ("elements", "units", "source", "pairs"):
        if key not in data:
            raise InputError(f"the key '{key}' is missing")
    if data["units"] not in form.units:
        raise InputError(f"units must be one of {' or '.join(map(str, form.units))}, got {data['units']}")
    if data.get("doubtful") and data.get("default_for"):
        raise InputError("a doubtful set is never a default: leave out default_for")
    for key in ("source", "doi", "notes", "doubtful"):
        if not isinstance(data.get(key, ""), str) or (key == "source" and not data[key].strip()):
            raise InputError(f"{key} must be a text, got {data[key]!r:.30}")


def _check_keys(data: dict[str, Any], form: Form) -> None:
    unknown = [key for key in data if key not in _KEYS and key not in form.set_keys]
    others = [other.name for other in _forms() if {*unknown} <= {*other.set_keys}] if unknown else []
    if others:
        with_pairs = f"; {form.name} has them with its pairs" if {*unknown} <= {*form.pair_keys} else ""
        belong = "belongs" if len(unknown) == 1 else "belong"
        owner = f"{belong} to form {' or '.join(others)}, not {form.name}{with_pairs}"
        raise InputError(f"{' and '.join(unknown)} of a whole set {owner}")
    if unknown:
        raise InputError(f"unknown key '{unknown[0]}'; {suggest(unknown[0], sorted(_KEYS | {*form.set_keys}))}")
    if data.get("triples") and not form.triple_keys:
        others = [other.name for other in _forms() if other.triple_keys]
        raise InputError(f"[triples] belong to form {' or '.join(others)}, not {form.name}")


def _forms() -> list[Form]:
    """All forms that can be loaded; a faulty package of others must not hide what is wrong with the file."""
    found = []
    for name in plugins.known("potentials"):
        with suppress(UsageError):
            found.append(form_of(name))
    return found


def _elements(given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(e, str) for e in given):
        raise InputError(f'elements must be a list like ["Ag", "Cu"], got {given!r}')
    unknown = [e for e in given if e not in chemical_symbols]
    if unknown or len(set(given)) < len(given):
        raise InputError(f"elements must be chemical symbols, each named once, got {', '.join(given)}")
    return tuple(given)


def _default_for(data: dict[str, Any]) -> tuple[str, ...]:
    given = data.get("default_for", [])
    if not isinstance(given, list) or not all(isinstance(system, str) for system in given):
        raise InputError(f'default_for must be a list like ["Ag", "Ag-Cu"], got {given!r}')
    return tuple(given)
