"""Sets up the process of a command for its devices, before jax is loaded."""

from typing import Any

from clusteropt.runtime import host, machine
from clusteropt.settings.devices import DeviceSettings
from clusteropt.settings.merging import merged


def prepare(devices: dict[str, Any], *, alone: bool = True) -> None:
    """Calls `host.prepare` with the device options of the command line. Without --threads it uses all cores."""
    settings = merged(DeviceSettings, None, devices)
    host.prepare(settings.threads or machine.n_cores(), settings.device, alone=alone)
