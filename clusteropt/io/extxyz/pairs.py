"""Writes the comment line of extended XYZ: pairs from which ASE reads exactly the same values, where such pairs exist."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
from ase.io.extxyz import SPECIAL_3_3_KEYS, UNPROCESSED_KEYS, key_val_str_to_dict
from ase.io.jsonio import encode, object_hook
from ase.spacegroup import Spacegroup

from clusteropt.io.extxyz.comments import MORE, NOT_INFO

_OWN_RULES = frozenset(key.lower() for key in SPECIAL_3_3_KEYS | UNPROCESSED_KEYS)
_TAKEN = (NOT_INFO | {MORE}) - {"virial"}
_NO_JSON = (TypeError, ValueError, RecursionError)  # the errors that encoders and decoders raise
_LARGEST = 2**63
_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_.:/+-]*").fullmatch  # ASE reads these words as strings, except for _VALUES
_VALUES = frozenset({"t", "f", "true", "false", "nan", "inf", "infinity"})
_NO_LETTERS = frozenset("\"'{}[]\\=,")


def pairs_of(info: dict[Any, Any]) -> tuple[list[str], dict[str, Any]]:
    """`key=value` for every entry that ASE can read back, and the other entries."""
    pairs, rest = [], {}
    for key, value in info.items():
        pair = None if key in _TAKEN else pair_of(key, value)
        if pair is None:
            rest[key] = value
        else:
            pairs.append(pair)
    return pairs, rest


def pair_of(key: Any, value: Any) -> str | None:
    """`key=value`, from which ASE reads the same value (a list as an array); None where no text does that."""
    name, ordinary = _name(key)
    if name is None:
        return None
    if ordinary:
        kind = type(value)
        if kind is str:
            return f"{name}={value if _SAFE(value) and value.lower() not in _VALUES else _text(value)}"
        if kind is float or kind is np.float64:
            return f"{name}={float(value)!r}"
        if kind is int and -_LARGEST <= value < _LARGEST:
            return f"{name}={value}"
    with suppress(*_NO_JSON):
        for text in _spellings(key, value):
            pair = f"{name}={text}"
            found = _read(pair)
            if key in found and same(value, found[key]):
                return pair
    return None


@lru_cache(10_000)
def _name(key: Any) -> tuple[str | None, bool]:
    """A key as it is written, and True where ASE reads its value by the usual rules.

    The key is None where ASE would read another one, for instance where it is empty or has a line break.
    """
    if not isinstance(key, str) or not key or not key.isprintable():
        return None, False
    name = word(key)
    known = _read(f'{name}="1 0 0 0 1 0 0 0 1"').keys() == {key}
    return (name if known else None), key.lower() not in _OWN_RULES


@lru_cache(10_000)
def _text(value: str) -> str:
    """A string as it is written; in JSON where ASE would otherwise read another value, such as a number."""
    text = word(value)
    found = _read(f"key={text}").get("key") if value.isprintable() else None
    if isinstance(found, str) and found == value:
        return text
    return word(f"_JSON {json.dumps(value)}")


def _spellings(key: str, value: Any) -> Iterator[str]:
    """The possible texts of a value, the most readable first."""
    if isinstance(value, Spacegroup):
        value = value.symbol
    plain = simple(value)
    if isinstance(plain, bool):
        yield "T" if plain else "F"
    elif isinstance(plain, (int, float)) or (isinstance(plain, str) and plain.isprintable()):
        yield word(str(plain))
    elif isinstance(value, np.ndarray) and value.dtype.kind in "if" and (value.ndim == 1 or key in SPECIAL_3_3_KEYS):
        yield word(" ".join(map(repr, value.ravel("F").tolist())))
    elif isinstance(plain, str):
        yield _text(plain)
    yield word(f"_JSON {json.dumps(plain)}")


def word(text: str) -> str:
    """The text, in quotes if it needs them."""
    if text and _NO_LETTERS.isdisjoint(text) and not any(map(str.isspace, text)):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _read(pair: str) -> dict[str, Any]:
    """The entries that ASE reads from a pair within a comment; empty where ASE fails."""
    try:
        found = key_val_str_to_dict(f"{pair} end=5")
    except _NO_JSON:
        return {}
    return found if found.pop("end", None) == 5 else {}


def simple(value: Any) -> Any:
    """A value in the types of JSON: lists for arrays and tuples, text for keys.

    Raises ValueError where two keys have the same text.
    """
    if isinstance(value, str):
        return "".join(value)  # a plain str, because numpy's strings lose trailing null characters
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, dict):
        named = {str(key): simple(one) for key, one in value.items()}
        if len(named) < len(value):
            raise ValueError("two keys have one name")
        return named
    if isinstance(value, (list, tuple)):
        return [simple(one) for one in value]
    return value


def same(a: Any, b: Any) -> bool:
    """True where two values are equal. Lists, tuples and arrays with equal entries count as equal."""
    return _same(a.symbol if isinstance(a, Spacegroup) else simple(a), simple(b))


def _same(a: Any, b: Any, mixed: bool = False) -> bool:
    """`same` for values in the types of JSON. Within lists, which ASE reads as arrays, 2 equals 2.0."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y, True) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    numbers = {type(a), type(b)} == {int, float} and mixed
    if isinstance(a, complex) and isinstance(b, complex):
        return _same(a.real, b.real) and _same(a.imag, b.imag)
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return (type(a) is type(b) or numbers) and bool(a == b)


def as_json(value: Any) -> Any:
    """The value in the types of JSON, such that `ase.io.jsonio` restores it. Raises ValueError where JSON cannot hold it."""
    with suppress(*_NO_JSON):
        text = encode(value)
        if same(value, json.loads(text, object_hook=object_hook)):
            return json.loads(text)
    raise ValueError(f"JSON cannot hold {type(value).__name__}")
