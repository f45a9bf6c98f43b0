"""`clusteropt search` on a Dask cluster of two workers: what a search in one process finds, whatever dies meanwhile."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from cli import call, finish, frames_of, names, run, spawn
from test_hpc import dask_cluster, worker

from clusteropt.commands.search_crew import Crew
from clusteropt.commands.search_worker import Request
from clusteropt.database.database import Database
from clusteropt.errors import UsageError
from clusteropt.hosts.worker import check_alike
from clusteropt.settings.exploration import ExplorationSettings

WORK = ("LJ7", "Ar6", "LJ6", "--evaluations", "400000", "--json")
ENDLESS = ("LJ7", "--confirm", "0", "--time-limit", "1h")
SECONDS = ("seconds", "seconds_to_best", "compiled")


class Cluster(NamedTuple):
    """A scheduler and its workers."""

    folder: Path
    scheduler: list[subprocess.Popen]
    workers: list[subprocess.Popen]

    @property
    def options(self) -> tuple[str, str]:
        return "--scheduler-file", str(self.folder / "scheduler.json")

    def begin_worker(self) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.folder}
        program = shutil.which("dask", path=str(Path(sys.executable).parent))
        self.workers.append(worker(self.folder, program, quiet))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    pytest.importorskip("distributed")
    own = tmp_path_factory.mktemp("cluster")
    made = Cluster(own, *dask_cluster(own, 2))
    yield made
    for process in [*made.workers, *made.scheduler]:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder where one process has searched, and its results but for seconds. The workers use its programs."""
    own = tmp_path_factory.mktemp("alone")
    return own, results(call(own, "search", *WORK, "--threads", "1"))


def results(done) -> list[dict]:
    assert done.code == 0, done.err
    return [{key: value for key, value in one.items() if key not in SECONDS} for one in json.loads(done.out)]


def content(path: Path) -> tuple[list, list]:
    """Minima and runs of a database, but for times and commands."""
    with Database.open(path) as database:
        minima = [(one.formula, one.energy, one.point_group, one.n_reached, one.origin) for one in database.entries()]
        return minima, [(own.formula, own.seed, own.n_evaluations, own.stopped_by) for own in database.runs()]


def assert_same(ours: Path, theirs: Path) -> None:
    """The folders have the same files: structures to the bit, and databases but for times."""
    assert names(ours) == names(theirs)
    for path in theirs.iterdir():
        if path.suffix == ".xyz":
            assert (ours / path.name).read_bytes() == path.read_bytes()
        else:
            assert content(ours / path.name) == content(path)


def saved_by(process: subprocess.Popen, own: Path, n: int) -> None:
    """Waits until so many searches have saved what they have found so far."""
    end = time.monotonic() + 120
    while len(list(own.glob("*.running-*.db"))) < n and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert process.poll() is None


def test_workers_find_what_one_process_finds(tmp_path, cluster, alone):
    own, wanted = alone
    done = run(tmp_path, "search", *WORK, *cluster.options)
    assert results(done) == wanted
    assert_same(tmp_path, own)
    assert [line for line in done.err.splitlines() if "of 3)" in line and "stopped by: limit of evaluations" in line]


def test_the_same_command_again_goes_on_as_in_one_process(tmp_path, cluster, alone):
    shutil.copytree(alone[0], tmp_path / "here")
    shutil.copytree(alone[0], tmp_path / "there")
    here = run(tmp_path / "here", "search", *WORK)
    there = run(tmp_path / "there", "search", *WORK, *cluster.options)
    assert results(here) == results(there)
    assert "X7: goes on from 4 minima in X7.minima.db" in there.err
    assert_same(tmp_path / "here", tmp_path / "there")


def test_a_worker_that_is_killed_costs_nothing_but_time(tmp_path, cluster, alone):
    own, wanted = alone
    with spawn(tmp_path, "search", *WORK, *cluster.options) as process:
        saved_by(process, tmp_path, 2)
        cluster.workers[0].send_signal(signal.SIGKILL)
        done = finish(process, 200)
    cluster.begin_worker()
    assert results(done) == wanted
    assert_same(tmp_path, own)


@pytest.mark.parametrize("more", [(), pytest.param(("--no-db",), marks=pytest.mark.slow)])
def test_ctrl_c_keeps_what_a_search_has_saved_and_frees_its_worker(tmp_path, cluster, more):
    with spawn(tmp_path, "search", *ENDLESS, *cluster.options, *more) as process:
        saved_by(process, tmp_path, 1)
        process.send_signal(signal.SIGINT)
        done = finish(process)
    assert (done.code, len(done.complaints)) == (130, 1), done.err
    assert done.complaints[0].endswith(": what was found is kept")
    assert "stopped by: interrupted" in done.out
    (lowest,) = frames_of(tmp_path / "X7.min.xyz")
    assert lowest.get_potential_energy() == pytest.approx(-16.505384, abs=1e-6)
    if not more:
        minima, ((_, _, _, why),) = content(tmp_path / "X7.minima.db")
        assert (why, minima[0][1]) == ("interrupted", lowest.get_potential_energy())
    assert names(tmp_path) == {"X7.min.xyz"} | (set() if more else {"X7.minima.db"})
    quick = ("--evaluations", "1", "--no-db", *cluster.options)
    assert run(tmp_path, "search", "LJ7", "LJ6", *quick).code == 0, "both workers are free"


def test_the_end_of_the_scheduler_keeps_what_was_saved(tmp_path):
    pytest.importorskip("distributed")
    scheduler, workers = dask_cluster(tmp_path, 1)
    (tmp_path / "own").mkdir()
    try:
        options = ("--scheduler-file", "../scheduler.json")
        with spawn(tmp_path / "own", "search", *ENDLESS, *options) as process:
            saved_by(process, tmp_path / "own", 1)
            scheduler[0].kill()
            done = finish(process, 120)
    finally:
        for one in [*workers, *scheduler]:
            one.kill()
            one.wait()
    assert (done.code, "the scheduler has ended" in done.complaints[0]) == (75, True), done.err
    assert content(tmp_path / "own/X7.minima.db")[1][0][3] == "an error"


def test_without_dask_the_command_to_type_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = run(tmp_path, "search", "LJ7", "--scheduler", "tcp://127.0.0.1:1")
    assert (done.code, "pip install 'clusteropt[dask]'" in done.err) == (2, True)


@pytest.mark.parametrize("more", [("--scheduler-file", "s.json"), ("--device", "cpu")])
def test_options_that_exclude_each_other_are_told_of(tmp_path, more):
    done = run(tmp_path, "search", "LJ7", "--scheduler", "tcp://127.0.0.1:1", *more)
    assert (done.code, names(tmp_path)) == (2, set()), done.err


def test_a_worker_with_another_version_is_refused():
    with pytest.raises(UsageError, match="a worker differs from the client in clusteropt: install one version"):
        check_alike({"clusteropt": "1", "settings": {}}, {"clusteropt": "2", "settings": {}})


class FakeClient:
    """Workers by address with what they are doing, and where searches were submitted to."""

    def __init__(self, doing: dict[str, list[str]]) -> None:
        self.doing, self.where = doing, []

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.doing, 8)

    def processing(self) -> dict[str, list[str]]:
        return self.doing

    def submit(self, *_: object, workers: list[str], **__: object) -> str:
        self.where += workers
        return f"future {len(self.where)}"


def test_a_worker_gets_one_search_at_a_time_however_many_threads_it_has(tmp_path):
    client = FakeClient({"a": [], "b": ["another client's"], "c": []})
    crew = Crew(client, 5, lambda _: Request("X7", ExplorationSettings(), None, [], "", None, b"", tmp_path), {})
    crew._fill()
    crew._fill()
    assert client.where == ["a", "c"]
