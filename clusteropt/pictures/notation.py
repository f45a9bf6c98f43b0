"""Formulas and point groups as matplotlib sets them, with subscripts."""

import re

_PART = re.compile(r"([A-Z][a-z]?)(\d*)")
_GROUP = re.compile(r"([CDSTOIK])(\d*|inf)([a-z]?)")


def plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics, in one line."""
    return " ".join(text.split()).replace("$", r"\$")


def formula(text: str) -> str:
    """Au38 with the number below the line; other text as it is."""
    if not re.fullmatch(f"(?:{_PART.pattern})+", text):
        return plain(text)
    parts = (rf"\mathrm{{{symbol}}}" + f"_{{{count}}}" * bool(count) for symbol, count in _PART.findall(text))
    return f"${''.join(parts)}$"


def group(text: str) -> str:
    """D5h with its index below the line; other text as it is."""
    found = _GROUP.fullmatch(text)
    if not found:
        return plain(text)
    letter, order, kind = found.groups()
    index = order.replace("inf", r"\infty") + (rf"\mathrm{{{kind}}}" if kind else "")
    return f"${letter}_{{{index}}}$" if index else f"${letter}$"
