"""Finds a parameter set: a shipped one by name, a user's by its file, or the default for some elements."""

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources.abc import Traversable
from pathlib import Path

from clusteropt.errors import UsageError, suggest
from clusteropt.potentials import scope
from clusteropt.potentials.base import Potential
from clusteropt.potentials.calculators import known
from clusteropt.potentials.parameter_files import read
from clusteropt.potentials.parameters import ParameterSet
from clusteropt.runtime import resources


def names() -> list[str]:
    """The names of the shipped sets, sorted."""
    return resources.names("potentials", ".toml")


def load(name: str) -> ParameterSet:
    """A shipped set by name, a user's own by the path of its TOML file or of the HDF5 file of a fit, or a calculator in use.

    Raises UsageError for an unknown name or a missing file, InputError for an invalid file.
    """
    if known.is_known(name):
        return known.set_of(name)
    return of_file(name)


def of_file(name: str, others: Sequence[str] = ()) -> ParameterSet:
    """As `load`, but no calculator; `others` are further names that the user might have meant."""
    return replace(read(_file_of(name, others)), own=name not in names())


def text_of(name: str) -> str:
    """The text of the parameter file, or the card of a fitted potential as JSON. Raises as `load`."""
    path = _file_of(name)
    chosen = read(path)
    if "fit" in chosen.options:
        return json.dumps(chosen.record() | chosen.options["fit"].card, indent=1)
    return path.read_text(encoding="utf-8")


def _file_of(name: str, others: Sequence[str] = ()) -> Path | Traversable:
    if name.endswith((".toml", ".h5")) or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"{name}: no such parameter file: check the name")
        return path
    if name not in names():
        allowed = suggest(name, [*others, *names()])
        doubtful = ", ".join(other for other in names() if load(other).doubtful)
        raise UsageError(
            f"no potential named '{name}'; {allowed} (doubtful: {doubtful}); or the path of a .toml or .h5 file"
        )
    return resources.shipped("potentials") / f"{name}.toml"


def doubt(name: str | None) -> str:
    """A warning where the named set is doubtful; empty for a sound set, and for None. Raises as `load`."""
    why = "" if name is None else load(name).doubtful
    return f"potential {name} is doubtful: {why}" if why else ""


def default(elements: tuple[str, ...]) -> ParameterSet:
    """The default set for these elements. Raises UsageError where there is none."""
    sets = [load(name) for name in names()]
    for candidate in sets:
        if set(elements) in [set(system.split("-")) for system in candidate.default_for]:
            return candidate
    raise UsageError(f"no default potential for {'-'.join(elements)}; {scope.refusal(elements, sets)}")


def prescreening(elements: tuple[str, ...], named: str) -> ParameterSet:
    """The set of that name or file, or of a form of that name: the default for these elements, or else the first sound one.

    Raises UsageError where there is none, and for a calculator; InputError for an invalid file.
    """
    shipped = [load(name) for name in names()]
    forms = sorted({one.form for one in shipped})
    if named in names() or named not in forms:
        return of_file(named, forms)
    able = [one for one in shipped if one.form == named and one.covers(elements) and not one.doubtful]
    usual = [one for one in able if set(elements) in [set(system.split("-")) for system in one.default_for]]
    if not able:
        raise UsageError(
            f"no shipped set of the form {named} has {'-'.join(elements)}: name another, or a .toml or .h5 file"
        )
    return (usual or able)[0]


def serving(elements: tuple[str, ...], named: str | ParameterSet | None = None) -> ParameterSet:
    """The set that `named` names or is; without it, the default for these elements. Raises as `load` and `default`."""
    return load(named) if isinstance(named, str) else named or default(elements)


def potential_for(elements: tuple[str, ...], named: str | ParameterSet | None = None, moving: bool = True) -> Potential:
    """The potential for clusters of these elements; for those that are not `moving`, a calculator computes no scales.

    Raises as `serving` and `ParameterSet.potential`.
    """
    if not elements:
        raise UsageError("a structure without atoms has no potential")
    chosen = serving(elements, named)
    return chosen.potential(elements) if moving else chosen.at_rest(elements)
