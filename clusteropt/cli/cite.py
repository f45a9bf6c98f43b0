"""`clusteropt cite`."""

from typing import Annotated

import typer

from clusteropt.cli.options import Json


def cite(
    potentials: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="POTENTIAL", help="Parameter sets used, by name or TOML file, as sw-si.", show_default=False
        ),
    ] = None,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="BibTeX entries on standard output.")] = False,
    json: Json = False,
) -> None:
    """How to cite the program, its method, and the parameters of each POTENTIAL.

    Example: [bold]clusteropt cite gupta-ag-cu --bibtex[/bold]
    """
    from clusteropt.console import emit, say
    from clusteropt.errors import UsageError
    from clusteropt.potentials import sets
    from clusteropt.report import citations

    if bibtex and json:
        raise UsageError("--bibtex and --json are two formats: give one")
    works = [citations.PROGRAM, citations.METHOD]
    works += [citations.of_potential(sets.load(name)) for name in dict.fromkeys(potentials or [])]
    if json:
        import json as json_module

        emit(json_module.dumps([work.record() for work in works], indent=1))
    elif bibtex:
        emit("\n\n".join(work.bibtex for work in works))
    else:
        emit("\n".join(f"{work.purpose}:\n  {work.text}" for work in works))
    for work in works:
        if work.doubt:
            say(f"warning: {work.purpose} are doubtful: {work.doubt}")
