"""`clusteropt cite`: the works to cite, as text, BibTeX or JSON."""

import json

from clusteropt.console import emit, say
from clusteropt.errors import UsageError
from clusteropt.potentials import sets
from clusteropt.report import citations


def cite(potentials: list[str], bibtex: bool, as_json: bool) -> None:
    """Prints the works to cite, and warns of doubtful ones. Raises UsageError for two formats, and for an unknown potential."""
    if bibtex and as_json:
        raise UsageError("--bibtex and --json name two formats: give one of them")
    works = [citations.PROGRAM, citations.METHOD]
    works += [citations.of_potential(sets.load(name)) for name in dict.fromkeys(potentials)]
    if as_json:
        emit(json.dumps([work.record() for work in works], indent=1))
    elif bibtex:
        emit("\n\n".join(work.bibtex for work in works))
    else:
        emit("\n".join(f"{work.purpose}:\n  {work.text}" for work in works))
    for work in works:
        if work.doubt:
            say(f"warning: {work.purpose} are doubtful: {work.doubt}")
