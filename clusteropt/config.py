"""Settings: frozen dataclasses, filled from a TOML file and then from the command line."""

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from clusteropt.errors import InputError, UsageError, suggest

# --opt levels: largest force allowed, in units of the potential's energy over length scale (doc: `clusteropt minimize --help`)
LEVELS = {"crude": 1e-2, "loose": 1e-3, "normal": 1e-4, "tight": 1e-6, "extreme": 1e-8}
_CRITERIA = {"opt", "fmax", "rms"}  # different ways to say when to stop
STARTS = ("given", "perturbed", "random")
OPTIMIZERS = ("lbfgs", "fire", "gradient-descent")

T = TypeVar("T")


@dataclass(frozen=True)
class MinimizeSettings:
    """What `minimize` needs to know beside the structures."""

    potential: str | None = None  # name of a set or path of a TOML file; None: the default for the elements
    optimizer: str = "lbfgs"
    opt: str | None = None  # level of convergence; 'normal' where neither fmax nor rms is given
    fmax: float | None = None  # largest force on an atom, force unit of the potential
    rms: float | None = None  # root mean square of the force components, force unit of the potential
    max_steps: int = 20_000  # evaluations per structure
    perturb: float = 0.0  # random displacement before the start, length unit of the potential
    seed: int = 0  # of the random displacements and starts
    trajectories: int = 16  # of a learned optimizer, for each structure
    steps: int = 1000  # of each of them
    start: str = "given"  # of the trajectories: one from the given positions and others near them, or all of a kind

    def __post_init__(self) -> None:
        if not self.optimizer.endswith(".h5"):
            _allowed("optimizer", self.optimizer, (*OPTIMIZERS, "learned", "or the path of a .h5 file"))
        _allowed("start", self.start, STARTS)
        for name in ("trajectories", "steps"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.opt is not None:
            _allowed("opt", self.opt, tuple(LEVELS))
        if sum(getattr(self, name) is not None for name in _CRITERIA) > 1:
            raise UsageError("opt, fmax and rms are three ways to say when to stop: give one of them")
        for name in ("fmax", "rms"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{name} must be a positive number, got {value}")
        for name in ("max_steps", "seed", "trajectories", "steps"):
            if not isinstance(getattr(self, name), int):
                raise UsageError(f"{name} must be a whole number, got {getattr(self, name)!r}")
        if self.max_steps < 1:
            raise UsageError(f"max_steps must be at least 1, got {self.max_steps}")
        if not 0 <= self.perturb < float("inf"):
            raise UsageError(f"perturb must not be negative, got {self.perturb}")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be between 0 and {2**32 - 1}, got {self.seed}")


def _allowed(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} cannot be '{value}'; {suggest(str(value), allowed)}")


def merged(kind: type[T], path: Path | None, given: dict[str, Any]) -> T:
    """Settings of that kind: defaults, then the TOML file, then what was `given` (entries that are None were not).

    Raises InputError for a file that cannot be read or has an unknown key or a value of the wrong type, UsageError for a
    value that is not allowed.
    """
    from_file = {} if path is None else _from_file(kind, path)
    chosen = {key: value for key, value in given.items() if value is not None}
    if chosen.keys() & _CRITERIA:  # a criterion on the command line replaces the file's
        from_file = {key: value for key, value in from_file.items() if key not in _CRITERIA}
    try:
        replace(kind(), **from_file)  # type: ignore[type-var]
    except UsageError as problem:
        raise UsageError(f"{path}: {problem}") from None
    return replace(kind(), **(from_file | chosen))  # type: ignore[type-var]


def _from_file(kind: type, path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"{path}: not a TOML file: {problem}") from problem
    except OSError as problem:
        raise InputError(f"{path}: cannot be read: {problem.strerror}") from problem
    known = {field.name: type(field.default) for field in fields(kind)} | {
        "potential": str,
        "opt": str,
        "fmax": float,
        "rms": float,
    }
    for key, value in data.items():
        if key not in known:
            raise InputError(f"{path}: unknown key '{key}'; {suggest(key, tuple(known))}")
        if known[key] is float and isinstance(value, int) and not isinstance(value, bool):
            data[key] = float(value)
        elif type(value) is not known[key]:
            raise InputError(f"{path}: {key} must be of type {known[key].__name__}, got {value!r}")
    return data
