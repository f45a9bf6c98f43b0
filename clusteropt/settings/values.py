"""Values as settings hold them: plain Python numbers, text and tuples, of the type that the field declares."""

from types import UnionType
from typing import Any, get_args, get_origin

from clusteropt.errors import UsageError

_WANTED = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def typed(hint: Any, value: Any, name: str) -> Any:
    """The value as the type `hint` says.

    Numbers of numpy become Python's, lists tuples, and whole numbers floats where these are due. A boolean is no number.
    Raises UsageError with the `name` where the value has another type.
    """
    value = value.tolist() if hasattr(value, "tolist") else value
    if get_origin(hint) is UnionType:
        return None if value is None else typed(get_args(hint)[0], value, name)
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise UsageError(f"{name} must be a list, got {value!r}")
        return tuple(typed(get_args(hint)[0], item, f"a value of {name}") for item in value)
    if hint is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise UsageError(f"{name} must be a number, got one of {len(str(value))} digits") from None
    if not (isinstance(value, hint) and (hint is bool or not isinstance(value, bool))):
        raise UsageError(f"{name} must be {_WANTED.get(hint, hint.__name__)}, got {value!r}")
    return value


def parsed(hint: Any, text: str, flag: str) -> tuple:
    """A tuple from the command line: values with commas between them, pairs with colons in them.

    Raises UsageError where the text is something else.
    """
    kind = get_args(hint)[0]
    pairs = get_origin(kind) is tuple
    try:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return tuple(tuple(map(float, part.split(":"))) if pairs else kind(part) for part in parts)
    except ValueError:
        wanted = "pairs of numbers, as 1.6:0.5," if pairs else "numbers"
        raise UsageError(f"{flag} takes {wanted} separated by commas, got '{text}'") from None


def shown(value: Any) -> str:
    """The value as it is typed on the command line; empty for None."""
    if isinstance(value, tuple):
        return ",".join(":".join(map(shown, item)) if isinstance(item, tuple) else shown(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).removesuffix(".0")
