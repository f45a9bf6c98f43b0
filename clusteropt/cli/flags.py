"""Options of the command line from settings: their flags, types, defaults and help are those of the fields."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import Field, is_dataclass
from types import UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import typer

from clusteropt.settings.options import Option, default_of, options, range_of
from clusteropt.settings.values import parsed

C = TypeVar("C", bound=Callable[..., Any])


class From(NamedTuple):
    """The mark of a parameter in whose place a command has the options of some settings."""

    kind: type
    only: tuple[str, ...] = ()  # of the fields; all of them where none is named
    without: tuple[str, ...] = ()
    defaults: Any = None  # settings of that kind, where its own defaults are others


def spread(command: C) -> C:
    """The command with options in the place of each parameter marked `Annotated[dict, From(kind)]`.

    The command gets a dictionary of the values that were given, as `merged` takes it: None for an option that was not, and
    settings within settings as a dictionary of their own.
    """
    parameters, marks = [], {}
    for parameter in inspect.signature(command).parameters.values():
        mark = _mark(parameter)
        if mark is not None:
            marks[parameter.name] = mark
        own = [parameter] if mark is None else _parameters(mark)
        parameters += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]

    def spreaded(**given: Any) -> Any:
        for name, mark in marks.items():
            given[name] = _taken(mark, given)
        return command(**given)

    spreaded.__doc__, spreaded.__name__ = command.__doc__, command.__name__
    spreaded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spreaded.__annotations__ = {one.name: one.annotation for one in parameters}
    return spreaded  # type: ignore[return-value]


def _mark(parameter: inspect.Parameter) -> From | None:
    about = getattr(parameter.annotation, "__metadata__", ())
    return next((one for one in about if isinstance(one, From)), None)


def _chosen(mark: From) -> Iterator[tuple[Field, Any, Option]]:
    """The options that the mark asks for."""
    for each, hint, about in options(mark.kind):
        if each.name not in mark.without and (not mark.only or each.name in mark.only):
            yield each, hint, about


def _within(mark: From) -> Iterator[tuple[str, From]]:
    """Names and marks of the settings within settings."""
    for name, hint in get_type_hints(mark.kind).items():
        if is_dataclass(hint):
            yield name, From(hint, defaults=getattr(mark.defaults, name, None))  # type: ignore[arg-type]


def _parameters(mark: From) -> list[inspect.Parameter]:
    """The options of the settings, and of the settings within them."""
    own = [
        _parameter(each.name, hint, getattr(mark.defaults, each.name, each.default), about)
        for each, hint, about in _chosen(mark)
    ]
    return own + [parameter for _, inner in _within(mark) for parameter in _parameters(inner)]


def _parameter(name: str, hint: Any, default: Any, about: Option) -> inspect.Parameter:
    kind = get_args(hint)[0] if get_origin(hint) is UnionType else hint
    several = get_origin(kind) is tuple
    made = typer.Option(*about.flags, help=help_of(default, about), show_default=False)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[(str if several else kind) | None, made],
    )


def help_of(default: Any, about: Option) -> str:
    """The sentence of the option, and in brackets its unit, its range and its default."""
    notes = "; ".join(note for note in (about.unit, range_of(about), f"default: {default_of(default, about)}") if note)
    return f"{about.help} [dim]\\[{notes}][/dim]"


def _taken(mark: From, given: dict[str, Any]) -> dict[str, Any]:
    """The values of these settings, taken out of all that were given."""
    own = {each.name: _value(hint, given.pop(each.name), each.name) for each, hint, _ in _chosen(mark)}
    return own | {name: _taken(inner, given) for name, inner in _within(mark)}


def _value(hint: Any, value: Any, name: str) -> Any:
    """The value as the field has it: what has commas between its values comes as text."""
    if value is None or get_origin(hint) is not tuple:
        return value
    return parsed(hint, value, f"--{name.replace('_', '-')}")
