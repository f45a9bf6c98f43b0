"""The progress of a batch: counted in memory, written to the folder, and reported in messages."""

import signal
import time
from collections import Counter

from clusteropt.batch.folder import RESULTS, Folder, Place
from clusteropt.batch.items import Item, Line
from clusteropt.batch.job import BatchJob, far_from_end
from clusteropt.console import complain, say
from clusteropt.potentials.calculators.known import version_of
from clusteropt.words import counted

_REPORT = 10.0  # seconds between two reports of progress
_FRUITLESS = 3  # successive runs without a finished structure after which the batch gives up
_COMPLAINTS = 20  # messages of one kind that are shown; the results hold all of them


class Tally:
    """The structures that are done, those that are left, and the messages about them."""

    def __init__(self, job: BatchJob, folder: Folder) -> None:
        self._job, self._folder = job, folder
        self._began = self._said = time.monotonic()
        self._complaints: Counter[str] = Counter()  # how many, by the place where the user finds all of them
        self._new = 0
        self.fruitless = folder.run_of(job.shard).get("fruitless", 0)
        self._statuses: dict[str, str] = {}  # by key
        self._of: dict[str, Item] = {}
        self.todo: dict[str, int] = {}  # key -> number of the attempt
        self.failed: set[str] = set()  # keys that have no result because of an unexpected error

    def begin(self, own: list[Item], places: dict[str, Place]) -> None:
        """Starts with the items of this shard and the existing results. Those that --retry names are to be done again."""
        self._of = {item.key: item for item in reversed(own)}
        retried = {key for key in self._of if key in places and self._job.repeats(places[key].status)}
        self.todo = {
            key: places[key].attempt + 1 if key in places else 1
            for key in self._of
            if key not in places or key in retried
        }
        self._statuses = {key: places[key].status for key in self._of if key not in self.todo}
        known = sum(item.key not in self.todo for item in own)
        if known and not self._job.quiet:
            say(f"{known:,} of {counted(len(own), 'structure')} done already")
        self.write("running")

    def keep(self, lines: list[Line]) -> None:
        """Writes results to the folder, and reports structures without one. Raises ClusterOptError where writing fails."""
        for line in lines:
            if line.failure:
                self.failed.add(line.key)
                self._complain(f"{self._of[line.key].label}: {line.failure}", "counted at the end")
        lines = [line for line in lines if not line.failure]
        for attempt, group in _by_attempt(lines, self.todo).items():
            self._folder.write_part(group, attempt)
        for line in lines:
            self._statuses[line.key] = line.record["status"]
            if line.record["problem"]:
                self._complain(f"{self._of[line.key].label}: {line.record['problem']}", self._in_results)
        self._new += len(lines)
        if time.monotonic() - self._said > _REPORT:
            self._said = time.monotonic()
            self.write("running")
            if not self._job.quiet:
                say(self._pace())

    @property
    def _in_results(self) -> str:
        when = "at the end" if self._job.shard.total == 1 else f"after `clusteropt merge {self._job.out}`"
        return f"in {self._job.out / RESULTS} {when}"

    def _complain(self, message: str, found: str) -> None:
        """Shows the message, unless many of its kind were shown. `found` says where the user finds all of them."""
        self._complaints[found] += 1
        if self._complaints[found] <= _COMPLAINTS:
            complain(message)
        elif self._complaints[found] == _COMPLAINTS + 1:
            complain(f"further messages of this kind are not shown, but {found}")

    def _pace(self) -> str:
        seconds = time.monotonic() - self._began
        tried = self._new + len(self.failed)
        rate, left = tried / seconds, len(self.todo) - tried
        return f"{len(self._statuses):,} of {len(self._of):,} done, {rate:.3g}/s, {left / rate:.0f} s left"

    @property
    def words(self) -> str:
        return f"{len(self._statuses):,} of {counted(len(self._of), 'different structure')} done and kept"

    def stop(self) -> bool:
        """Writes that a signal has ended the run. True where too many successive runs have finished no structure.

        Otherwise a scheduler would requeue the job for ever. Only signals about the time count: Ctrl-C does not, nor does a
        signal long before the end of a Slurm job.
        """
        if not self._new and self._job.signals.heard not in (0, signal.SIGINT) and not far_from_end():
            self.fruitless += 1
        self.write("stopped")
        return self.fruitless >= _FRUITLESS

    def write(self, state: str) -> None:
        """Writes the progress to the folder; `state` is running, stopped, finished or failed."""
        seconds = time.monotonic() - self._began
        counts = Counter(self._statuses.values())
        about = {
            "state": state,
            "command": self._job.command,
            "calculator": version_of(self._job.settings.potential),
            "total": len(self._of),
            "counts": counts,
            "new": self._new,
            "fruitless": 0 if self._new or state == "finished" else self.fruitless,
            "seconds": round(seconds, 3),
        }
        self._folder.write_run(self._job.shard, about)


def _by_attempt(lines: list[Line], attempts: dict[str, int]) -> dict[int, list[Line]]:
    groups: dict[int, list[Line]] = {}
    for line in lines:
        groups.setdefault(attempts[line.key], []).append(line)
    return groups
