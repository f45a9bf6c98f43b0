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
    """Check the installation: versions, devices, cores, compilation cache.

    A self-test catches releases of jax that compute wrong numbers.
    """
    from clusteropt.commands import doctor as command

    raise typer.Exit(command.doctor(devices, json, clear_cache))
