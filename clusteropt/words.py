"""Phrases that several messages use: counts with their nouns, shares, lists of names."""

from collections.abc import Sequence


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 structure`, `2,000 structures`, `0 batches`."""
    return f"{count:,} {numbered(count, noun)}"


def numbered(count: int, noun: str) -> str:
    """The noun in the number that `count` asks for: `structure` for 1, `structures` otherwise."""
    if count != 1 and noun.endswith("imum"):
        return f"{noun.removesuffix('um')}a"
    ending = "" if count == 1 else "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return noun + ending


def so_many_of(count: int, total: int, noun: str) -> str:
    """A share and the verb that agrees with it: `1 of 4 structures is`, `0 of 4 structures are`, `0 of 1 structure is`."""
    return f"{count:,} of {counted(total, noun)} {'is' if 1 in (count, total) else 'are'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first `most` names, and the number of further ones: `a, b and 3 more`."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
