"""A batch that is stopped or killed at any moment goes on, and nobody can tell from its results."""

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ase import Atoms
from cli import FULL_DISK, call, clusters, finish, run, save, spawn
from test_batch import lines

from clusteropt.batch.folder import Folder
from clusteropt.batch.items import Item, Line
from clusteropt.batch.job import BatchJob, unbegun
from clusteropt.batch.tally import Tally
from clusteropt.errors import ExitCode
from clusteropt.runtime.signals import Signals
from clusteropt.search.starts import random_starts
from clusteropt.settings.config import MinimizeSettings

LEFT_OUT = {"parts", "runs"}  # how the work was cut into chunks, and when
SLOW = ["--max-steps", "2000000000", "--fmax", "1e-300"]


def command(*more: str, out: str = "out") -> list[str]:
    return ["batch", "many.xyz", "--out", out, *(() if "--optimizer" in more else ("--optimizer", "lbfgs")), *more]


def begun(folder: Path) -> Path:
    frames = [atoms for k in range(20) for atoms in clusters(5, ("X", "Au", "Si", "Ar")[k % 4])]
    for k, atoms in enumerate(frames):
        atoms.info["k"] = k
    save(folder / "many.xyz", frames)
    return folder


@pytest.fixture
def folder(tmp_path):
    return begun(tmp_path)


def contents(folder: Path, out: str) -> dict[str, bytes | list]:
    """All files of a batch but those that tell of chunks and times."""
    found: dict[str, bytes | list] = {
        str(p.relative_to(folder / out)): p.read_bytes()
        for p in sorted((folder / out).rglob("*"))
        if p.is_file() and p.relative_to(folder / out).parts[0] not in LEFT_OUT
    }
    found["results.jsonl"] = lines(folder, out)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The contents of a batch that nothing has stopped, on two cores."""
    own = begun(tmp_path_factory.mktemp("whole"))
    assert run(own, *command()).code == 0
    return contents(own, "out")


def killed_and_resumed(folder: Path, kills: int, seed: int, longest: float, *more: str) -> int:
    """Kills the batch at random moments, then lets it finish; returns how often it was at work.

    Every other time the clock starts when the work does.
    """
    rng, at_work = random.Random(seed), 0
    mark = folder / "killed/runs/1-of-1.json"
    for k in range(kills):
        mark.unlink(missing_ok=True)
        with spawn(folder, *command("--threads", "2", *more, out="killed")) as process:
            end = time.monotonic() + (30 if k % 2 == 0 else 0)
            while not mark.exists() and process.poll() is None and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, longest / 2 if k % 2 == 0 else longest))
            at_work += process.poll() is None and mark.exists()
            process.send_signal(signal.SIGKILL)
        for path in (folder / "killed").rglob("*.json*") if (folder / "killed").exists() else ():
            for text in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
                json.loads(text)  # nothing is half-written
    assert run(folder, *command(*more, out="killed")).code == 0
    return at_work


def test_killed_and_resumed_is_as_if_never_killed(folder, whole):
    assert killed_and_resumed(folder, 3, 0, 2) >= 1
    assert contents(folder, "killed") == whole


@pytest.mark.slow
def test_thirty_kills_of_five_hundred_structures_leave_no_trace(folder):
    starts = [random_starts(f"{('X', 'Au', 'Si', 'Cu')[k % 4]}{15 + k % 40}", 1, k, 0.7)[0] for k in range(500)]
    save(folder / "many.xyz", starts)
    long = ("--optimizer", "gradient-descent", "--opt", "tight", "--fail-if-more-than", "5%")  # minutes on one core
    assert call(folder, *command(*long)).code == 0
    assert len(contents(folder, "out")["results.jsonl"]) == 500
    assert killed_and_resumed(folder, 30, 1, 4, *long) >= 20
    assert contents(folder, "killed") == contents(folder, "out")


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGTERM, 75, "stopped (SIGTERM): "),
        pytest.param(signal.SIGUSR1, 75, "stopped (SIGUSR1): ", marks=pytest.mark.slow),
        (signal.SIGINT, 130, "interrupted: "),
    ],
)
def test_a_signal_stops_it_with_what_is_done_kept_and_the_same_command_goes_on(folder, number, code, word):
    save(folder / "endless.xyz", clusters(3))
    save(folder / "many.xyz", [Atoms("Ar"), Atoms("Kr"), *clusters(3)])  # the atoms are done at once
    arguments = command(*SLOW, "--threads", "2")
    with spawn(folder, *arguments) as process:
        end = time.monotonic() + 60
        while not list((folder / "out/parts").glob("*.jsonl")) and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(number)
        done = finish(process, 20)
    assert done.code == code
    (line,) = done.complaints
    kept = re.fullmatch(
        f"clusteropt: {re.escape(word)}([12]) of 5 different structures done and kept: run the same command to continue",
        line,
    )
    assert kept
    (own,) = Folder(folder / "out").runs()
    assert own["state"] == "stopped"
    with spawn(folder, *arguments) as process:
        assert f"{kept[1]} of 5 structures done already" in str(process.stderr.readline())


@pytest.mark.parametrize("how", [pytest.param("--time-limit", marks=pytest.mark.slow), "SLURM_JOB_END_TIME"])
def test_it_stops_at_the_time_limit_and_before_the_end_of_a_slurm_job(folder, how):
    more, env = (["--time-limit", "8s"], {}) if how[0] == "-" else ([], {how: str(int(time.time()) + 68)})
    began = time.monotonic()
    done = call(folder, *command(*SLOW, "--threads", "2"), *more, env=env)
    assert (done.code, "stopped (time limit): " in done.err) == (75, True)
    assert time.monotonic() - began < 20


def test_sigterm_in_the_middle_of_a_compilation_is_heard(folder, tmp_path):
    cold = {"XDG_CACHE_HOME": str(tmp_path / "cold")}
    with spawn(folder, *command("--threads", "2"), env=cold) as process:
        end = time.monotonic() + 60
        while not (folder / "out/runs").exists() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.3)  # the first programs are being built
        process.send_signal(signal.SIGTERM)
        done = finish(process, 20)
    assert done.code == 75
    assert "Traceback" not in done.err
    assert run(folder, *command()).code == 0


def test_a_full_disk_stops_it_with_a_word_and_once_there_is_room_it_goes_on(folder):
    done = call(folder, *command(), before=FULL_DISK.format(size=30_000, spared=0))
    assert done.code == 1
    assert "cannot be written: File too large: make room" in done.complaints[-1]
    assert not list((folder / "out").rglob(".*.tmp"))
    assert run(folder, *command()).code == 0
    assert len(lines(folder)) == 100


def test_two_processes_with_the_same_shard_at_once_do_no_harm(folder, whole):
    with spawn(folder, *command(out="both")) as one, spawn(folder, *command(out="both")) as other:
        assert {finish(one).code, finish(other).code} == {0}
    assert contents(folder, "both") == whole


def test_results_do_not_depend_on_the_number_of_cores(folder, whole):
    assert call(folder, *command("--threads", "2")).code == 0
    assert contents(folder, "out") == whole


def state(folder: Path) -> str:
    (own,) = json.loads(run(folder, "status", "out", "--json").out)["runs"]
    return own["state"]


def at_work(folder: Path, process: subprocess.Popen) -> None:
    """Waits until this process has said that it runs."""
    path, end = folder / "out/runs/1-of-1.json", time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if path.exists() and json.loads(path.read_text())["process"] == process.pid:
            return
        time.sleep(0.05)


def test_a_killed_run_is_no_running_one(folder):
    with spawn(folder, *command(*SLOW, "--threads", "2")) as process:
        at_work(folder, process)
        assert state(folder) == "running"
        process.send_signal(signal.SIGKILL)
        while process.poll() is None:
            time.sleep(0.01)
        assert state(folder) == "killed"
    path = folder / "out/runs/1-of-1.json"
    about = json.loads(path.read_text())
    # its number may be another's now, and nothing can be seen of a process of another machine
    for other, seen in (
        ({"process": os.getpid()}, "killed"),
        ({"process": os.getpid(), "place": "another machine"}, "running"),
        ({"process": os.getpid(), "place": "another machine", "updated": time.time() - 1000}, "silent"),
    ):
        path.write_text(json.dumps(about | other))
        assert state(folder) == seen


def test_runs_that_finish_nothing_end_with_an_error_in_place_of_a_loop(folder):
    save(folder / "many.xyz", clusters(3))
    ends = []
    for _ in range(3):
        with spawn(folder, *command(*SLOW, "--threads", "2")) as process:
            at_work(folder, process)
            process.send_signal(signal.SIGUSR1)
            ends.append(finish(process))
    assert [done.code for done in ends] == [75, 75, 2]
    (line,) = ends[-1].complaints
    assert line.startswith("clusteropt: stopped (SIGUSR1): 0 of 3 different structures done and kept, and the last ")
    assert "allow more time (--time-limit, or --time of the job)" in line


@pytest.mark.parametrize(
    ("heard", "left", "finished", "ends"),
    [
        (signal.SIGALRM, None, 0, [False, False, True, True]),
        (signal.SIGTERM, 120, 0, [False, False, True, True]),
        (signal.SIGTERM, 3600, 0, [False] * 4),  # not for want of time
        (signal.SIGINT, None, 0, [False] * 4),
        (signal.SIGALRM, None, 1, [False] * 4),
    ],
)
def test_only_runs_in_a_row_that_lacked_time_and_finished_nothing_count(
    folder, monkeypatch, heard, left, finished, ends
):
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    if left is not None:
        monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + left))
    own = Folder(folder / "out")
    own.open({}, restart=False)
    job = BatchJob([], folder / "out", MinimizeSettings())
    job.signals.heard = heard

    def stopped() -> bool:
        tally = Tally(job, own)
        tally.begin([Item(str(k), "f", k, 1, str(k)) for k in range(9)], own.results())
        for key in list(tally.todo)[:finished]:
            tally.keep([Line(key, {"status": "converged", "problem": None}, "")])
        return tally.stop()

    assert [stopped() for _ in ends] == ends


def test_a_job_without_time_says_so_and_is_not_to_be_requeued(folder):
    done = call(folder, *command(), env={"SLURM_JOB_END_TIME": str(int(time.time()) + 40)})
    assert done.code == 2
    (line,) = done.complaints
    assert re.match(r"clusteropt: this Slurm job ends in (3\d|40) s .* no time is left to compute: ask for more", line)
    assert not (folder / "out").exists()


@pytest.mark.parametrize(("heard", "left", "code"), [
    (signal.SIGUSR1, 3600, ExitCode.STOPPED),
    (signal.SIGUSR1, 120, ExitCode.USAGE),
    (signal.SIGALRM, 120, ExitCode.USAGE),
    (signal.SIGTERM, 120, ExitCode.STOPPED),
    (signal.SIGINT, 120, ExitCode.INTERRUPTED),
])  # fmt: skip
def test_a_job_that_ends_before_it_has_begun_is_not_to_be_requeued(monkeypatch, heard, left, code):
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + left))
    assert unbegun(Signals(heard)).exit_code == code
