"""An option, written once: the default, unit, range and help of a field of settings, and the checks that follow from them.

The flags of the command line, the keys of TOML files, the keywords of Python functions and the tables of the documentation
are made from the same fields.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import Field, field, fields
from typing import Any, NamedTuple, get_type_hints

from clusteropt.errors import UsageError, suggest
from clusteropt.settings.values import shown, typed


class Range(NamedTuple):
    """Numbers from `least` to `most`; all of them are finite."""

    least: float = -math.inf
    most: float = math.inf
    above: bool = False  # `least` itself is not allowed

    def fault(self, name: str, value: float) -> str:
        """The sentence about a value that is not allowed; empty for one that is."""
        inside = self.least < value if self.above else self.least <= value
        return "" if inside and value <= self.most and math.isfinite(value) else f"{name} must {self}, got {value}"

    def __str__(self) -> str:
        if self.above and not self.least:
            return "be a positive number"
        if math.isfinite(self.most):
            return f"be between {self.least} and {self.most}"
        if not math.isfinite(self.least):
            return "be a finite number"
        return f"be at least {self.least}" if self.least else "not be negative"


class Choices(NamedTuple):
    """One of some names. Where other packages may add to them, they are looked up when they are wanted."""

    names: Callable[[], tuple[str, ...]]
    accepts: Callable[[str], bool]

    def fault(self, name: str, value: str) -> str:
        """The sentence about a value that is not allowed; empty for one that is."""
        return "" if self.accepts(value) else f"{name} cannot be '{value}'; {suggest(value, self.names())}"


def one_of(*names: str) -> Choices:
    """One of these names."""
    return Choices(lambda: names, names.__contains__)


AT_LEAST_1, NOT_NEGATIVE, POSITIVE, SHARE = Range(1), Range(0), Range(0, above=True), Range(0, 1)
FINITE, SEED = Range(), Range(0, 2**32 - 1)


class Option(NamedTuple):
    """The description of a field."""

    help: str  # a sentence
    allowed: Range | Choices | None
    unit: str
    usual: str  # in words, where the default is None or empty
    flags: tuple[str, ...]  # of the command line, where they are not --name

    def flag(self, name: str) -> str:
        """The option as it is typed, of the field of that name."""
        return next((flag for flag in self.flags if flag.startswith("--")), f"--{name.replace('_', '-')}")

    def fault(self, name: str, value: Any) -> str:
        """The sentence about a value that is not allowed, or about one of several; empty for allowed ones and for None."""
        if self.allowed is None or value is None:
            return ""
        if isinstance(value, tuple):
            return next((fault for one in value if (fault := self.allowed.fault(f"a value of {name}", one))), "")
        return self.allowed.fault(name, value)


def option(
    default: Any,
    help: str,
    allowed: Range | Choices | None = None,
    unit: str = "",
    usual: str = "",
    flags: tuple[str, ...] = (),
) -> Any:
    """A field of a dataclass of settings."""
    return field(default=default, metadata={"option": Option(help, allowed, unit, usual, flags)})


def same(kind: type, name: str) -> Any:
    """A field that is the option `name` of another dataclass of settings."""
    there = next(each for each in fields(kind) if each.name == name)
    return field(default=there.default, metadata=there.metadata)


def options(kind: type) -> Iterator[tuple[Field, Any, Option]]:
    """Field, type and description of every option, in their order."""
    hints = get_type_hints(kind)
    for each in fields(kind):
        if "option" in each.metadata:
            yield each, hints[each.name], each.metadata["option"]


def range_of(about: Option) -> str:
    """The allowed numbers in few words; empty where all are."""
    allowed = about.allowed
    if not isinstance(allowed, Range) or not math.isfinite(allowed.least):
        return ""
    if math.isfinite(allowed.most):
        return f"{allowed.least} to {allowed.most}"
    return f"above {allowed.least}" if allowed.above else f"{allowed.least} or more"


def default_of(default: Any, about: Option) -> str:
    """The default as it is typed, or in words where there is none."""
    return about.usual if about.usual and (default is True or default in (None, "", ())) else shown(default)


def check(settings: Any) -> None:
    """Gives every option of frozen settings its type. Raises UsageError for a value of another type or outside the range."""
    for each, hint, about in options(type(settings)):
        value = typed(hint, getattr(settings, each.name), each.name)
        object.__setattr__(settings, each.name, value)
        if fault := about.fault(each.name, value):
            raise UsageError(fault)
