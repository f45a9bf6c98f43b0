"""The scheduler that a user names. The module imports little."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from clusteropt.errors import UsageError


class Scheduler(NamedTuple):
    """A Dask scheduler, by its address or by the file that it has written."""

    address: str | None
    file: Path | None = None
    verbose: bool = False  # show the log of Dask

    @property
    def name(self) -> str:
        """The address or the file, as the user has typed it."""
        return self.address or str(self.file)

    @property
    def found(self) -> str:
        """The address, read from the file if there is one. Raises UsageError where it is no address."""
        address = self.address if self.address is not None else _address_in(self.file)
        if address is None or not re.fullmatch(r"\w+://\S+:\d+", address):
            raise UsageError(
                f"{self.name}: names no scheduler: write tcp://host:port, or start one with `dask scheduler`"
            )
        return address


def scheduler_of(address: str | None, file: Path | None, verbose: bool, devices: dict[str, Any]) -> Scheduler | None:
    """The scheduler of the options; None without one. Raises UsageError for options that exclude each other."""
    if address is None and file is None:
        return None
    if address is not None and file is not None:
        raise UsageError("--scheduler and --scheduler-file both name the scheduler: give one of them")
    if devices.get("device"):
        raise UsageError("--device does not reach the scheduler's workers: set JAX_PLATFORMS where they start")
    return Scheduler(address, file, verbose)


def _address_in(file: Path | None) -> str | None:
    """The address of a scheduler, from the file that it has written; None where the file holds no address."""
    try:
        return str(json.loads(Path(file or "").read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
