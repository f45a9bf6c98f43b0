"""Sets up the process of a command for its devices, before jax is loaded."""

import shlex
import sys
from typing import Any

from clusteropt.runtime import host, machine
from clusteropt.settings.devices import DeviceSettings
from clusteropt.settings.merging import merged

_HALF = 1000  # characters of a command on either side of what is left out


def prepare(devices: dict[str, Any], *, alone: bool = True) -> None:
    """Calls `host.prepare` with the device options of the command line. Without --threads it uses all cores."""
    settings = merged(DeviceSettings, None, devices)
    host.prepare(settings.threads or machine.n_cores(), settings.device, alone=alone)


def typed() -> str:
    """The command as it was typed; of one with very many names the middle is left out."""
    text = shlex.join(["clusteropt", *sys.argv[1:]])
    if len(text) <= 2 * _HALF:
        return text
    return f"{text[:_HALF].rpartition(' ')[0]} ... {text[-_HALF:].partition(' ')[2]}"
