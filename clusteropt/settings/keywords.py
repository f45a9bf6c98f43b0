"""The keyword arguments of a Python function from settings: their names, defaults and help are those of the fields."""

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

from clusteropt.errors import UsageError, suggest
from clusteropt.settings.options import options

T = TypeVar("T")


def changed(settings: T, changes: dict[str, Any], function: str) -> T:
    """The settings with the keyword arguments of a `function`. Raises UsageError for an unknown one, or a wrong value."""
    known = tuple(each.name for each in fields(settings))  # type: ignore[arg-type]
    for name in changes:
        if name not in known:
            raise UsageError(f"{function} has no argument '{name}'; {suggest(name, known)}")
    return replace(settings, **changes)  # type: ignore[type-var]


def signed(function: Callable[..., Any], settings: Any) -> None:
    """Gives a function with `**changes` the signature and the docstring that name them, for `help` and notebooks."""
    own = inspect.signature(function).parameters
    parameters = [one for one in own.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    lines = []
    for each, hint, about in options(type(settings)):
        default = getattr(settings, each.name)
        lines.append(f"    {each.name}: {about.help}")
        if each.name not in own:
            keyword = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(each.name, keyword, default=default, annotation=hint))
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__doc__ = f"{function.__doc__}\n" + "\n".join(lines)
