"""`clusteropt doctor`."""

from typing import Annotated

import typer

from clusteropt.cli.options import Json, Threads


def doctor(
    threads: Threads = None,
    json: Json = False,
    clear_cache: Annotated[
        bool, typer.Option("--clear-cache", help="Delete the cache of compiled programs first.")
    ] = False,
) -> None:
    """Versions, devices, cores, compilation cache, and a self-test that catches a jax that computes wrong numbers."""
    from clusteropt.commands import doctor as command

    raise typer.Exit(command.doctor(threads, json, clear_cache))
