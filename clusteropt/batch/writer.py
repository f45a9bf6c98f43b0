"""Work beside the computation: what is finished is put into words and written while the next is computed."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from clusteropt.errors import ClusterOptError

T = TypeVar("T")
_AHEAD = 2  # portions that may wait
_PULSE = 30.0  # seconds


class Writer(Generic[T]):
    """Calls `write` for every portion in turn, and `idle` now and then, in a thread of its own, which no signal interrupts."""

    def __init__(self, write: Callable[[T], None], idle: Callable[[], None]) -> None:
        self._write, self._idle = write, idle
        self._waiting: queue.Queue[T | None] = queue.Queue(_AHEAD)
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="clusteropt-write", daemon=True)
        self._thread.start()

    def put(self, portion: T) -> None:
        """Hands a portion over; waits where too many do. Raises what an earlier portion has raised."""
        self._waiting.put(portion)
        self._raise()

    def close(self) -> None:
        """Waits until all is written. Raises what a portion has raised."""
        self._waiting.put(None)
        self._thread.join()
        self._raise()

    def _raise(self) -> None:
        if self._problem is not None:
            raise self._problem

    def _work(self) -> None:
        while True:
            try:
                portion = self._waiting.get(timeout=_PULSE)
                if portion is None:
                    return
                if self._problem is None:
                    self._write(portion)
            except queue.Empty:
                with suppress(ClusterOptError):  # it was no result
                    self._idle()
            except BaseException as problem:  # noqa: BLE001  it is raised where somebody hears it
                self._problem = problem
