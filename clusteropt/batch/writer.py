"""A thread that writes finished portions while the next ones are computed."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from clusteropt.errors import ClusterOptError

T = TypeVar("T")
_AHEAD = 2  # portions that may wait to be written
_PULSE = 30.0  # seconds without a portion after which `idle` is called


class Writer(Generic[T]):
    """Calls `write` for every portion in turn, and `idle` when none comes for a while. Signals do not interrupt its thread."""

    def __init__(self, write: Callable[[T], None], idle: Callable[[], None]) -> None:
        self._write, self._idle = write, idle
        self._waiting: queue.Queue[T | None] = queue.Queue(_AHEAD)
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="clusteropt-write", daemon=True)
        self._thread.start()

    def put(self, portion: T) -> None:
        """Hands a portion over, and waits while too many are queued. Raises the error of an earlier `write`."""
        self._waiting.put(portion)
        self._raise()

    def close(self) -> None:
        """Waits until all portions are written. Raises the error of a `write`."""
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
                with suppress(ClusterOptError):  # only the progress was not written
                    self._idle()
            except BaseException as problem:  # noqa: BLE001  `put` or `close` raises it in the main thread
                self._problem = problem
