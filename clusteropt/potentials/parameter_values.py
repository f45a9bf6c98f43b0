"""The numbers of a parameter file, for pairs and for triples of elements, checked against the keys of their form."""

from itertools import product
from typing import Any

from clusteropt.errors import InputError, suggest
from clusteropt.potentials.form import Form, Key

_LARGEST = 1e300  # limit of the absolute value of a parameter
Pairs = dict[tuple[str, str], dict[str, float]]
Triples = dict[tuple[str, str, str], dict[str, float]]


def value_of(what: str, value: Any, key: Key) -> Any:
    """The value of a key: a float, or one of the words that the key allows. Raises InputError for any other value."""
    if key.words:
        if value not in key.words:
            raise InputError(f"{what} '{value}' is not known; {suggest(str(value), key.words)}")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        raise InputError(f"{what} must be a finite number, got {value!r:.30}")
    if value <= 0 and not key.signed:
        raise InputError(f"{what} must be positive, got {value!r}")
    return float(value)


def pairs_of(form: Form, elements: tuple[str, ...], given: dict) -> Pairs:
    """The numbers of every given pair, under both orders of its elements.

    Raises InputError for an invalid pair, and where a pair of equal elements is missing.
    """
    _check_tables("pairs", given)
    pairs: Pairs = {}
    for name, values in given.items():
        a, b = _split(name, 2, elements)
        if (a, b) in pairs:
            raise InputError(f"[pairs.{name}] stands twice (the order of the elements does not matter)")
        _check_pair_keys(f"[pairs.{name}]", values, form.pair_keys)
        pairs[a, b] = pairs[b, a] = _numbers(f"[pairs.{name}]", values, form.pair_keys)
    for element in elements:
        if (element, element) not in pairs:
            raise InputError(f"[pairs.{element}-{element}] is missing")
    return pairs


def _check_pair_keys(where: str, values: dict, keys: dict[str, Key]) -> None:
    for key in values:
        if key not in keys:
            raise InputError(f"{where} unknown parameter '{key}'; {suggest(key, sorted(keys))}")
    for key, kind in keys.items():
        if key not in values and not kind.optional:
            dimension = "" if kind.dimension == "number" else f" ({kind.dimension})"
            raise InputError(f"{where} the parameter '{key}' is missing{dimension}")


def triples_of(form: Form, elements: tuple[str, ...], pairs: Pairs, given: dict) -> Triples:
    """The numbers of every triple, under both orders of the neighbours; empty for a form without triples.

    Raises InputError for an invalid triple, and where one is missing.
    """
    if not form.triple_keys:
        return {}
    _check_tables("triples", given)
    triples: Triples = {}
    for name, values in given.items():
        i, j, k = _split(name, 3, elements)
        if set(values) != set(form.triple_keys):
            *most, last = form.triple_keys
            raise InputError(f"[triples.{name}] needs exactly {', '.join(most)} and {last}")
        numbers = _numbers(f"[triples.{name}]", values, form.triple_keys)
        if triples.get((i, j, k), numbers) != numbers:
            raise InputError(f"[triples.{name}] differs from its mirror image {i}-{k}-{j}")
        triples[i, j, k] = triples[i, k, j] = numbers
    for i, j, k in product(elements, repeat=3):
        if (i, j) in pairs and (i, k) in pairs and (i, j, k) not in triples:
            raise InputError(f"[triples.{i}-{j}-{k}] is missing (the centre comes first)")
    return triples


def _numbers(where: str, values: dict, keys: dict[str, Key]) -> dict[str, float]:
    return {name: value_of(f"{where} {name}", value, keys[name]) for name, value in values.items()}


def _check_tables(name: str, given: object) -> None:
    if not isinstance(given, dict) or not all(isinstance(values, dict) for values in given.values()):
        raise InputError(f"{name} must be tables of parameters, as [{name}.Au-Au{'-Au' * (name == 'triples')}]")


def _split(name: str, count: int, elements: tuple[str, ...]) -> tuple[str, ...]:
    parts = tuple(name.split("-"))
    if len(parts) != count or any(part not in elements for part in parts):
        raise InputError(f"'{name}' must name {count} of the set's elements joined by '-': {', '.join(elements)}")
    return parts
