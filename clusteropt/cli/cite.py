"""`clusteropt cite`."""

from typing import Annotated

import typer

from clusteropt.cli.options import Json


def cite(
    potentials: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="POTENTIAL",
            help="Parameter sets that you used: names such as sw-si, or TOML files; and calculators, such as tblite:GFN1-xTB.",
            show_default=False,
        ),
    ] = None,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Print BibTeX entries.")] = False,
    json: Json = False,
) -> None:
    """Show how to cite the program, its method, and the parameters or the method of each POTENTIAL.

    Example: [bold]clusteropt cite gupta-ag-cu --bibtex[/bold]
    """
    from clusteropt.commands import references

    references.cite(potentials or [], bibtex, json)
