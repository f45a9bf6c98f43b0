"""Settings put together: defaults, then a TOML file, then the command line or the keywords of a Python function."""

from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from clusteropt.errors import InputError, UsageError, suggest
from clusteropt.settings.method import CRITERIA
from clusteropt.settings.options import options
from clusteropt.settings.values import typed

T = TypeVar("T")


def merged(kind: type[T], path: Path | None, given: dict[str, Any], defaults: T | None = None) -> T:
    """Settings of that kind: defaults, then the TOML file, then what was `given` (entries that are None were not).

    Settings within settings are a table of the file, and a dictionary in `given`. Raises InputError for a file that cannot be
    read or has an unknown key or a value of the wrong type, UsageError for a value that is not allowed.
    """
    start = kind() if defaults is None else defaults
    from_file = {} if path is None else _from_file(kind, path)
    if any(given.get(name) is not None for name in CRITERIA):  # a criterion on the command line replaces the file's
        from_file = {key: value for key, value in from_file.items() if key not in CRITERIA}
    try:
        return _changed(start, _together(from_file, given))
    except UsageError:
        try:
            _changed(start, from_file)
        except UsageError as problem:
            raise UsageError(f"{path}: {problem}") from None
        _check_typed(kind, given)
        raise


def _check_typed(kind: type, given: dict[str, Any]) -> None:
    """Raises UsageError, which names the option as it is typed, for the first value `given` that is outside its range."""
    for each, _, about in options(kind):
        fault = about.fault(about.flag(each.name), given.get(each.name))
        if fault:
            raise UsageError(fault)
    for name, hint in get_type_hints(kind).items():
        if is_dataclass(hint):
            _check_typed(hint, given.get(name, {}))  # type: ignore[arg-type]


def _together(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The values with those of `more` that are not None in their place, tables within tables likewise."""
    both = dict(values)
    for name, value in more.items():
        if isinstance(value, dict):
            both[name] = _together(both.get(name, {}), value)
        elif value is not None:
            both[name] = value
    return both


def _changed(settings: T, values: dict[str, Any]) -> T:
    new = {
        name: _changed(getattr(settings, name), value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }
    return replace(settings, **new)  # type: ignore[type-var]


def _from_file(kind: type, path: Path) -> dict[str, Any]:
    import tomllib

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"{path}: not a TOML file: {problem}") from problem
    except OSError as problem:
        raise InputError(f"{path}: cannot be read: {problem.strerror}") from problem
    try:
        return _read(kind, data)
    except UsageError as problem:
        raise InputError(f"{path}: {problem}") from None


def _read(kind: type, data: dict[str, Any], table: str = "") -> dict[str, Any]:
    """A table of the file, as the fields of `kind` want it. Raises UsageError for an unknown key and a value of another type."""
    known = get_type_hints(kind)
    for key in data:
        if key not in known:
            raise UsageError(f"unknown key '{table}{key}'; {suggest(key, tuple(known))}")
    return {key: _value(known[key], value, table + key) for key, value in data.items()}


def _value(hint: Any, value: Any, name: str) -> Any:
    if not is_dataclass(hint):
        return typed(hint, value, name)
    if not isinstance(value, dict):
        raise UsageError(f"{name} must be a table, [{name}], got {value!r}")
    return _read(hint, value, f"{name}.")  # type: ignore[arg-type]
