"""Settings: frozen dataclasses, filled from a TOML file and then from the command line."""

import tomllib
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from clusteropt.errors import InputError, UsageError, suggest
from clusteropt.runtime import plugins
from clusteropt.runtime.resources import names
from clusteropt.settings.method import LEVELS, LOCAL, STARTS, LocalSettings, Method, SearchSettings

_CRITERIA = {"opt", "fmax", "rms"}  # different ways to say when to stop

T = TypeVar("T")


@dataclass(frozen=True)
class MinimizeSettings:
    """The settings of `minimize`, beside the structures."""

    potential: str | None = None  # name of a set or path of a TOML file; None: the default for the elements
    optimizer: str = "learned"
    opt: str | None = None  # level of convergence; 'normal' where neither fmax nor rms is given
    fmax: float | None = None  # largest force on an atom, force unit of the potential
    rms: float | None = None  # root mean square of the force components, force unit of the potential
    max_steps: int = 20_000  # evaluations per structure
    perturb: float = 0.0  # random displacement before the start, length unit of the potential
    seed: int = 0  # of the random displacements and starts
    trajectories: int = 16  # of a learned optimizer, for each structure
    steps: int | None = None  # of each of them; None: by the number of atoms
    hops: int | None = None  # after each of them, at most; None: 200
    start: str = (
        "given"  # of the trajectories: the given positions, then near them and random in turn; or all of a kind
    )

    def method(self) -> Method:
        """The local minimization, and the search that a learned optimizer makes."""
        learned = self.optimizer if _is_learned(self.optimizer) else None
        optimizer = LOCAL if learned else self.optimizer
        local = LocalSettings(optimizer, self.opt, self.fmax, self.rms, self.max_steps, self.perturb, self.seed)
        search = SearchSettings(self.trajectories, self.steps, self.hops, self.start, self.seed) if learned else None
        return Method(local, search, learned)

    def __post_init__(self) -> None:
        if not (_is_learned(self.optimizer) or plugins.is_known("optimizers", self.optimizer)):
            known = (*plugins.known("optimizers"), *names("pretrained", ".h5"), "or the path of a .h5 file")
            _allowed("optimizer", self.optimizer, known)
        _allowed("start", self.start, STARTS)
        for name in ("max_steps", "seed", "trajectories", "steps", "hops"):
            value = getattr(self, name)
            if not (isinstance(value, int) or (value is None and name in ("steps", "hops"))):
                raise UsageError(f"{name} must be a whole number, got {value!r}")
        for name, least in (("trajectories", 1), ("steps", 0), ("hops", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} must be at least {least}, got {value}")
        if self.opt is not None:
            _allowed("opt", self.opt, tuple(LEVELS))
        if sum(getattr(self, name) is not None for name in _CRITERIA) > 1:
            raise UsageError("opt, fmax and rms are three ways to say when to stop: give one of them")
        for name in ("fmax", "rms"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{name} must be a positive number, got {value}")
        if self.max_steps < 1:
            raise UsageError(f"max_steps must be at least 1, got {self.max_steps}")
        if not 0 <= self.perturb < float("inf"):
            raise UsageError(f"perturb must not be negative, got {self.perturb}")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be between 0 and {2**32 - 1}, got {self.seed}")


@dataclass(frozen=True)
class ReadingSettings:
    """How structure files are to be understood, beside what they say."""

    elements: str | None = None  # what labels of atoms stand for, as '1=Cu,2=Zr'
    box: bool = True  # False: cells are dropped


def _is_learned(optimizer: str) -> bool:
    """True for the name of a shipped learned optimizer, and for the path of a weights file."""
    return optimizer.endswith(".h5") or optimizer in names("pretrained", ".h5")


def _allowed(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} cannot be '{value}'; {suggest(str(value), allowed)}")


def merged(kind: type[T], path: Path | None, given: dict[str, Any], defaults: T | None = None) -> T:
    """Settings of that kind: defaults, then the TOML file, then what was `given` (entries that are None were not).

    Settings within settings are a table of the file, and a dictionary in `given`. Raises InputError for a file that cannot be
    read or has an unknown key or a value of the wrong type, UsageError for a value that is not allowed.
    """
    start = kind() if defaults is None else defaults
    from_file = {} if path is None else _from_file(kind, path)
    if any(given.get(name) is not None for name in _CRITERIA):  # a criterion on the command line replaces the file's
        from_file = {key: value for key, value in from_file.items() if key not in _CRITERIA}
    try:
        start = _changed(start, from_file)
    except UsageError as problem:
        raise UsageError(f"{path}: {problem}") from None
    return _changed(start, given)


def _changed(settings: T, values: dict[str, Any]) -> T:
    new = {
        name: _changed(getattr(settings, name), value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }
    return replace(settings, **new)  # type: ignore[type-var]


def _from_file(kind: type, path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"{path}: not a TOML file: {problem}") from problem
    except OSError as problem:
        raise InputError(f"{path}: cannot be read: {problem.strerror}") from problem
    try:
        return _read(kind, data)
    except InputError as problem:
        raise InputError(f"{path}: {problem}") from None


def _read(kind: type, data: dict[str, Any], table: str = "") -> dict[str, Any]:
    """A table of the file, as the fields of `kind` want it."""
    known = get_type_hints(kind)
    for key in data:
        if key not in known:
            raise InputError(f"unknown key '{table}{key}'; {suggest(key, tuple(known))}")
    return {key: _value(known[key], value, table + key) for key, value in data.items()}


def _value(hint: Any, value: Any, name: str) -> Any:
    wanted = get_args(hint)[0] if get_origin(hint) is UnionType else hint
    if get_origin(wanted) is tuple:
        if not isinstance(value, list):
            raise InputError(f"{name} must be an array, got {value!r}")
        return tuple(_value(get_args(wanted)[0], item, f"every value of {name}") for item in value)
    if is_dataclass(wanted):
        if not isinstance(value, dict):
            raise InputError(f"{name} must be a table, [{name}], got {value!r}")
        return _read(wanted, value, f"{name}.")  # type: ignore[arg-type]
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise InputError(f"{name} must be of type {wanted.__name__}, got {value!r}")
    return value
