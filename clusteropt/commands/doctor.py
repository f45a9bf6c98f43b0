"""`clusteropt doctor`. The module imports little, because the process is set up before the libraries are loaded."""

import json
from typing import Any

from clusteropt.commands.process import prepare
from clusteropt.console import emit
from clusteropt.errors import ExitCode
from clusteropt.runtime import cachedir


def doctor(devices: dict[str, Any], as_json: bool, clear_cache: bool) -> ExitCode:
    """Prints the findings. The exit code is FAILURE where the self-test has not passed."""
    if clear_cache:
        cachedir.clear()
    prepare(devices)
    from clusteropt.commands import checkup

    findings = checkup.findings()
    if as_json:
        emit(json.dumps(findings, indent=1))
    else:
        width = max(map(len, findings))
        emit("\n".join(f"{name:<{width}}  {value}" for name, value in findings.items()))
    return ExitCode.OK if findings["self-test"] == "passed" else ExitCode.FAILURE
