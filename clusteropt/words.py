"""Words that messages share."""


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 structure`, `2,000 structures`, `0 batches`."""
    ending = "" if count == 1 else "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{count:,} {noun}{ending}"
