"""The process of a command: set up for its devices before jax is loaded."""

from typing import Any

from clusteropt.runtime import host, machine
from clusteropt.settings.devices import DeviceSettings
from clusteropt.settings.merging import merged


def prepare(devices: dict[str, Any], *, alone: bool = True) -> None:
    """`host.prepare` for the options that were given: on all cores, unless they say otherwise."""
    settings = merged(DeviceSettings, None, devices)
    host.prepare(settings.threads or machine.n_cores(), settings.device, alone=alone)
