"""`clusteropt doctor`."""

from typing import Annotated

import typer

from clusteropt.cli.options import Json, Threads
from clusteropt.console import emit
from clusteropt.errors import ExitCode


def doctor(
    threads: Threads = None,
    json: Json = False,
    clear_cache: Annotated[
        bool, typer.Option("--clear-cache", help="Delete the cache of compiled programs first.")
    ] = False,
) -> None:
    """Versions, devices, cores, compilation cache, and a self-test that catches a jax that computes wrong numbers."""
    from clusteropt.runtime import cachedir, host, machine

    if clear_cache:
        cachedir.clear()
    host.prepare(threads or machine.n_cores())
    from clusteropt.commands import checkup

    findings = checkup.findings()
    if json:
        import json as json_module

        emit(json_module.dumps(findings, indent=1))
    else:
        width = max(map(len, findings))
        emit("\n".join(f"{name:<{width}}  {value}" for name, value in findings.items()))
    raise typer.Exit(ExitCode.OK if findings["self-test"] == "passed" else ExitCode.FAILURE)
