"""Reads the comment line of extended XYZ as ASE does, except that an empty value stays empty and does not take the next key."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

from ase.calculators.calculator import all_properties
from ase.io.extxyz import key_val_str_to_dict

MORE = "clusteropt_more"  # the key of all entries that ASE's reader could not restore from their usual place
OPEN = 'pbc="F F F"'
NOT_INFO = frozenset({*all_properties, "Lattice", "Properties", "pbc", "virial"})  # keys with a meaning to ASE
_NO_WORDS = frozenset({"Lattice", "Properties", "stress", "virial"})  # ASE fails where these have no value
_DELIMITERS = frozenset("\"'{}[]\\,")
_ENDS = {'"': r'"', "'": r"'", "{": r"\}", "[": r"\]"}
_CLOSED = {opening: re.compile(rf"(?:\\.|[^\\{end}])*{end}", re.DOTALL) for opening, end in _ENDS.items()}
_LEXEME = re.compile(r"""\\.?|["'{\[]|=|\s+|[^\\"'{\[=\s]+""", re.DOTALL)
_EMPTY = re.compile(r"""(?:""|''|\{\}|\[\])*\\?""")
_FORTRAN = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")


class Comment(NamedTuple):
    """The entries of a comment."""

    info: dict[str, Any]  # the entries, also those of keys with a meaning to ASE
    words: dict[str, Any]  # entries of such keys without a value: the word 'stress' in a sentence, Lattice=""


def comment_of(line: str) -> Comment:
    """The entries of a comment line. Raises ValueError for an invalid value of Lattice, stress or virial."""
    if not line:
        return Comment({}, {})
    words = line.removesuffix(f" {OPEN}").split()
    simple = _DELIMITERS.isdisjoint("".join(words)) and _NO_WORDS.isdisjoint(words)
    if simple and not any(word[0] == "=" or word[-1] == "=" for word in words):
        return Comment({key: value for word in words for key, value in _of_word(word).items()}, {})
    pairs, changed = _pairs(line)
    if not changed:
        with suppress(ValueError):  # one value is invalid; the pairs are read one by one below
            return Comment(key_val_str_to_dict(line), {})
    info: dict[str, Any] = {}
    without: dict[str, Any] = {}
    for pair in pairs:
        key, value = _meaning(pair)
        (without if key in NOT_INFO and not _has_value(pair) else info)[key] = value
    return Comment(info, without)


@lru_cache(10_000)
def _of_word(word: str) -> dict[str, Any]:
    return key_val_str_to_dict(word)


Pair = list[str | None]  # a key, and the texts between the equals signs after it; None for an empty text


def _has_value(pair: Pair) -> bool:
    return len(pair) > 1 and not (len(pair) == 2 and _EMPTY.fullmatch(pair[1] or ""))


def _meaning(pair: Pair) -> tuple[str, Any]:
    """Key and value of a pair, as ASE reads a comment that holds only this pair."""
    key = next(iter(key_val_str_to_dict(f"k{pair[0]}=1"))).removeprefix("k")  # without quotes and escapes
    if not _has_value(pair):
        return key, True if len(pair) == 1 else ""
    value = "=".join(part or "" for part in pair[1:])
    if key in _NO_WORDS:
        value = _FORTRAN.sub("e", value)
    try:
        return key, key_val_str_to_dict(f"{pair[0] if key else 'key'}={value}").popitem()[1]
    except ValueError:
        if key in _NO_WORDS:
            raise
        return key, _unusual(value)


def _unusual(value: str) -> Any:
    """The value of JSON that ASE cannot turn into an array, such as rows of different lengths; else the text."""
    text = key_val_str_to_dict(f"uid={value}")["uid"]  # ASE reads the value of uid as plain text
    try:
        return json.loads(text.removeprefix("_JSON "))
    except ValueError:
        return text


def _pairs(line: str) -> tuple[list[Pair], bool]:
    """The pairs of a comment, and True where ASE would find other pairs or fail."""
    tokens, unclosed = _tokens(line)
    pairs: list[Pair] = []
    changed = unclosed
    for k, token in enumerate(tokens):
        ahead = [t for t in tokens[k + 1 : k + 4] if not t.isspace()]
        if token == "=":
            changed |= not pairs
            if pairs:
                pairs[-1].append(None)
        elif token.isspace():
            if pairs and pairs[-1][-1] is None and len(ahead) > 1 and ahead[0] != "=" and ahead[1] == "=":
                pairs[-1][-1], changed = '""', True  # the next token is a key
        elif pairs and pairs[-1][-1] is None:
            pairs[-1][-1] = token
        elif not _EMPTY.fullmatch(token) or ahead[:1] == ["="]:
            pairs.append([token])
    changed |= any(_EMPTY.fullmatch(part or "") for pair in pairs for part in (pair[0], pair[-1]))
    return pairs, changed or any(_fails(pair) for pair in pairs)


def _fails(pair: Pair) -> bool:
    return pair[0] in _NO_WORDS and (len(pair) == 1 or _FORTRAN.search(pair[1] or "") is not None)


def _tokens(line: str) -> tuple[list[str], bool]:
    """The tokens of a comment: words with their quotes, equals signs, gaps. True where a quote is never closed.

    A quote that is never closed counts as a letter.
    """
    tokens: list[str] = []
    unclosed: set[str] = set()
    for lexeme in _lexemes(line, unclosed):
        if tokens and lexeme != "=" and not lexeme.isspace() and tokens[-1] != "=" and not tokens[-1].isspace():
            tokens[-1] += lexeme
        else:
            tokens.append(lexeme)
    return tokens, bool(unclosed)


def _lexemes(line: str, unclosed: set[str]) -> Iterator[str]:
    at = 0
    while found := _LEXEME.match(line, at):
        lexeme, at = found[0], found.end()
        if lexeme in _CLOSED:
            rest = None if lexeme in unclosed else _CLOSED[lexeme].match(line, at)
            if rest is None:
                unclosed.add(lexeme)
                lexeme = f"\\{lexeme}"
            else:
                lexeme, at = lexeme + rest[0], rest.end()
        yield lexeme
