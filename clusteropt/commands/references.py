"""`clusteropt cite`: the works to cite, as text, BibTeX or JSON."""

import json

from clusteropt.console import emit, say
from clusteropt.errors import UsageError, suggest
from clusteropt.potentials import sets
from clusteropt.report import citations, methods


def cite(potentials: list[str], bibtex: bool, as_json: bool) -> None:
    """Prints the works to cite, and warns of doubtful ones. Raises UsageError for two formats, and for an unknown potential."""
    if bibtex and as_json:
        raise UsageError("--bibtex and --json name two formats: give one of them")
    works = [citations.PROGRAM, citations.METHOD]
    works += [_work_of(name) for name in dict.fromkeys(potentials)]
    if as_json:
        emit(json.dumps([work.record() for work in works], indent=1))
    elif bibtex:
        emit("\n\n".join(work.bibtex for work in works))
    else:
        emit("\n".join(f"{work.purpose}:\n  {work.text}" for work in works))
    for work in works:
        if work.doubt:
            say(f"warning: {work.purpose} are doubtful: {work.doubt}")


def _work_of(name: str) -> citations.Citation:
    """The work of a parameter set or a calculator. Raises UsageError where there is none."""
    if not methods.is_of_calculator(name):
        return citations.of_potential(sets.load(name))
    found = methods.work_of(name)
    if found is None:
        raise UsageError(f"no work is known for the calculator '{name}'; {suggest(name, methods.known())}")
    return found
