"""Words that messages share."""

from collections.abc import Sequence


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 structure`, `2,000 structures`, `0 batches`."""
    return f"{count:,} {numbered(count, noun)}"


def numbered(count: int, noun: str) -> str:
    """A noun as it stands behind such a number: `structure` for one, `structures` for all else."""
    ending = "" if count == 1 else "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return noun + ending


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
