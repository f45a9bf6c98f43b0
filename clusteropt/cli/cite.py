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
    from clusteropt.commands import references

    references.cite(potentials or [], bibtex, json)
