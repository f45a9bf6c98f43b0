"""`clusteropt doctor`."""

from typing import Annotated

import typer

from clusteropt.cli.flags import spread
from clusteropt.cli.options import Devices, Json


@spread
def doctor(
    devices: Devices,
    json: Json = False,
    clear_cache: Annotated[
        bool, typer.Option("--clear-cache", help="Delete the cache of compiled programs first.")
    ] = False,
) -> None:
    """Versions, devices, cores, compilation cache, and a self-test that catches a jax that computes wrong numbers."""
    from clusteropt.commands import doctor as command

    raise typer.Exit(command.doctor(devices, json, clear_cache))
