"""Job scripts of docs/hpc, run as they are with stand-ins for Slurm's programs; several processes of one training run."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli import FULL_DISK, clusters, finish, run, save, spawn
from test_batch import lines

from clusteropt.optimizers.learned import weights
from clusteropt.search.starts import random_starts

SCRIPTS = Path(__file__).parents[1] / "docs" / "hpc"
# as many processes as --ntasks says, with the variables of a job step
SRUN = """#!/bin/bash
while [[ $1 == -* ]]; do shift; done
for ((k = 0; k < SLURM_NTASKS; k++)); do
    SLURM_PROCID=$k SLURM_LOCALID=$k SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=$SLURM_NTASKS SLURM_STEP_NODELIST=localhost "$@" &
    pids+=($!)
done
trap 'kill "${pids[@]}"' TERM
code=0
for pid in "${pids[@]}"; do
    wait $pid; own=$?
    if [ $own -gt $code ]; then code=$own; fi
done
exit $code
"""
# as one core would run it: tasks one after the other, and what depends on them if it still may
SBATCH = """#!/bin/bash
while [[ $1 == -* ]]; do
    case $1 in
        --dependency=afterok:*) for code in $(cat codes); do if [ $code -ne 0 ]; then exit 0; fi; done ;;
        --dependency=afterany:*|--parsable) ;;
        *) exit 9 ;;
    esac
    shift
done
if grep -q -- --array "$1"; then
    for k in 1 2; do
        SLURM_ARRAY_JOB_ID=4711 SLURM_ARRAY_TASK_ID=$k SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=2 "$1" >> log 2>&1
        echo $? >> codes
    done
else
    "$1" >> log 2>&1
    echo $? >> codes
fi
echo 4711
"""
SCONTROL = '#!/bin/bash\necho "$@" >> scontrol.log\n'
TRAINING = {"steps": 4, "trajectory": 40, "clusters": 8}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "starts").mkdir()
    for k, element in enumerate(("X", "Ar", "Kr")):  # two potentials of one form, which share their programs
        save(tmp_path / f"starts/{k}.xyz", clusters(4, element))
    (tmp_path / "bin").mkdir()
    for name, text in {"srun": SRUN, "scontrol": SCONTROL, "sbatch": SBATCH}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def environment_of(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "JAX", "XLA"))}
    return kept | {"PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), kept["PATH"]])}


def submitted(folder: Path, script: str, **variables: str) -> subprocess.Popen:
    """The script as Slurm would start it."""
    environment = environment_of(folder) | {"SLURM_JOB_ID": "4711"} | variables
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([str(SCRIPTS / script)], cwd=folder, env=environment, **pipes)


def ended(process: subprocess.Popen, timeout: float = 100) -> tuple[int, str]:
    out, _ = process.communicate(timeout=timeout)
    return process.returncode, out


def test_one_node(folder):
    code, out = ended(submitted(folder, "single-node.sh"))
    assert code == 0, out
    assert len(lines(folder, "results")) == 12
    assert not (folder / "scontrol.log").exists()


@pytest.mark.parametrize("how", ["USR1", pytest.param("end of the job", marks=pytest.mark.slow)])
def test_one_node_is_requeued_when_its_time_is_over_and_then_goes_on(folder, how):
    save(folder / "starts/large.xyz", random_starts("X3000", 6, 0, 0.7))  # takes minutes
    soon = {"SLURM_JOB_END_TIME": str(int(time.time()) + 70)} if how != "USR1" else {}
    job = submitted(folder, "single-node.sh", **soon)
    if how == "USR1":
        end = time.monotonic() + 90
        while not list(folder.glob("results/parts/*.jsonl")) and time.monotonic() < end:
            time.sleep(0.1)
        job.send_signal(signal.SIGUSR1)
    code, out = ended(job)
    assert code == 75, out
    assert (folder / "scontrol.log").read_text() == "requeue 4711\n"
    (folder / "starts/large.xyz").unlink()
    code, out = ended(submitted(folder, "single-node.sh"))
    assert code == 0, out
    assert len(lines(folder, "results")) == 12


def test_a_job_that_is_too_short_says_so_and_is_not_requeued(folder):
    code, out = ended(submitted(folder, "single-node.sh", SLURM_JOB_END_TIME=str(int(time.time()) + 60)))
    assert code == 2, out
    assert "its last minute is kept for writing: no time is left to compute: ask for more" in out
    assert not (folder / "scontrol.log").exists()


def test_the_commands_for_an_array_join_all_shares_although_a_structure_fails(folder):
    (folder / "starts/bad.xyz").write_text("junk")
    page = (SCRIPTS / "README.md").read_text()
    (commands,) = (block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "array.sh" in block)
    for script in re.findall(r"docs/hpc/(\S+\.sh)\b", commands):
        commands = commands.replace(f"docs/hpc/{script}", str(SCRIPTS / script))
    done = subprocess.run(
        ["bash", "-c", commands], cwd=folder, env=environment_of(folder), capture_output=True, text=True
    )
    out = (folder / "log").read_text()
    assert done.returncode == 0, out
    assert sorted((folder / "codes").read_text().split()) == ["0", "3", "3"], out  # shares, then the joining
    assert "when all shards are, join them with `clusteropt merge results`" in out
    assert len(lines(folder, "results")) == 13


def test_dask(folder):
    pytest.importorskip("distributed")
    code, out = ended(submitted(folder, "dask.sh", SLURM_NTASKS="2"))
    assert code == 0, out[-2000:]
    assert len(lines(folder, "results")) == 12


@pytest.mark.slow
def test_searches_on_dask(folder):
    pytest.importorskip("distributed")
    (folder / "formulas.txt").write_text("LJ7\nCu6\n")
    (folder / "search.toml").write_text("evaluations = 20000\n")
    code, out = ended(submitted(folder, "dask-search.sh", SLURM_NTASKS="2", SLURM_CPUS_PER_TASK="1"))
    assert code == 0, out[-2000:]
    assert {"X7.min.xyz", "X7.minima.db", "Cu6.min.xyz", "Cu6.minima.db"} <= {path.name for path in folder.iterdir()}


def settings_file(folder: Path, **more: object) -> None:
    (folder / "settings.toml").write_text(
        'tasks = ["X5", "hop:X6"]\n' + "".join(f"{name} = {value}\n" for name, value in (TRAINING | more).items())
    )


def theta(path: Path) -> np.ndarray:
    return weights.load(path).theta


@pytest.mark.slow
def test_training_on_two_processes_gives_the_theta_of_one(folder):
    settings_file(folder)
    code, out = ended(submitted(folder, "train.sh", SLURM_NTASKS="2"))
    assert code == 0, out[-2000:]
    with spawn(folder, "train", "es", "settings.toml", "--out", "one.h5", "--threads", "1") as process:
        assert finish(process).code == 0
    np.testing.assert_array_equal(theta(folder / "mine.h5"), theta(folder / "one.h5"))
    # one process writes: a record per step and the hit rates, each once
    records = [json.loads(line) for line in (folder / "mine.log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records if "task" in r] == [1, 2, 3, 4]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The theta of a run of 40 steps by one process."""
    folder = tmp_path_factory.mktemp("alone")
    settings_file(folder, steps=40)
    with spawn(folder, "train", "es", "settings.toml", "--out", "one.h5", "--threads", "1", "--no-picture") as process:
        assert finish(process, 100).code == 0
    return theta(folder / "one.h5")


@pytest.mark.slow
@pytest.mark.parametrize("victim", [1, 2])
def test_the_death_of_a_process_ends_the_others_and_all_go_on_from_the_checkpoint(folder, alone, victim):
    settings_file(folder, steps=40)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    def process(k: int):
        more = ["--coordinator", address, "--process", f"{k}/2", "--threads", "1", "--resume", "--no-picture"]
        return spawn(folder, "train", "es", "settings.toml", "--out", "two.h5", *more)

    with process(1) as first, process(2) as second:
        log, end = folder / "two.log.jsonl", time.monotonic() + 60
        while not (log.exists() and log.read_text().count("\n") > 3) and time.monotonic() < end:
            time.sleep(0.1)
        dead, left = (first, second) if victim == 1 else (second, first)
        dead.send_signal(signal.SIGKILL)
        done = finish(left, 40)
    assert done.code in (75, -signal.SIGABRT), done.err  # jax itself aborts where its coordinator is gone
    if victim == 2:
        assert (done.code, "start all processes again with --resume" in done.err) == (75, True)
    with process(1) as first, process(2) as second:
        assert finish(first, 100).code == finish(second, 100).code == 0
    np.testing.assert_array_equal(theta(folder / "two.h5"), alone)


@pytest.mark.slow
def test_a_time_limit_stops_all_processes_after_the_same_step(folder):
    settings_file(folder, steps=100_000)
    job = submitted(folder, "train.sh", SLURM_NTASKS="2", SLURM_JOB_END_TIME=str(int(time.time()) + 75))
    code, out = ended(job)
    assert code == 75, out[-2000:]
    assert out.count("clusteropt: stopped after step") == 2
    assert len({line for line in out.splitlines() if "stopped after step" in line}) == 1
    assert (folder / "scontrol.log").read_text() == "requeue 4711\n"


def test_processes_that_cannot_begin_or_differ_say_so_and_do_not_wait_for_each_other(folder):
    settings_file(folder)
    (folder / "two.h5").write_text("mine")

    def process(k: int, port: int, *more: str):
        where = ["--coordinator", f"127.0.0.1:{port}", "--process", f"{k}/2", "--no-picture"]
        return spawn(folder, "train", "es", "settings.toml", *where, *more)

    with process(1, 1, "--out", "two.h5") as first:
        done = finish(first, 20)
    assert (done.code, "two.h5: exists already" in done.err) == (2, True)
    for more, word in (
        (("--threads", "2"), "different numbers of cores, [1, 2]"),
        (("--steps", "9", "--threads", "1"), "different settings"),
    ):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with (
            process(1, port, "--threads", "1", "--out", "a.h5") as first,
            process(2, port, "--out", "a.h5", *more) as second,
        ):
            ends = finish(first, 60), finish(second, 60)
        assert [(end.code, word in end.err) for end in ends] == [(2, True)] * 2, ends
        (folder / "a.checkpoint.h5").unlink(missing_ok=True)


def test_a_process_that_fails_alone_takes_the_others_with_it(folder):
    settings_file(folder, steps=1000)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    def process(k: int, before: str):
        more = ["--coordinator", address, "--process", f"{k}/2", "--threads", "1", "--no-picture", "--out", "f.h5"]
        return spawn(folder, "train", "es", "settings.toml", *more, before=before)

    with process(1, FULL_DISK.format(size=20_000, spared=2)) as first, process(2, "") as second:
        ends = finish(first, 90), finish(second, 90)
    assert (ends[0].code, "cannot be written: File too large" in ends[0].err) == (1, True)
    assert ends[1].code in (1, 75, -signal.SIGABRT)


def dask_cluster(folder: Path, n_workers: int) -> tuple[list[subprocess.Popen], list[subprocess.Popen]]:
    """A scheduler and workers of one core each."""
    program = shutil.which("dask", path=str(Path(sys.executable).parent))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    ours = [program, "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", "scheduler.json"]
    scheduler = subprocess.Popen(ours, **quiet)
    end = time.monotonic() + 60
    while not (folder / "scheduler.json").exists() and time.monotonic() < end:
        time.sleep(0.1)
    return [scheduler], [worker(folder, program, quiet) for _ in range(n_workers)]


def worker(folder: Path, program: str | None, quiet: dict) -> subprocess.Popen:
    command = [
        program,
        "worker",
        "--nthreads",
        "1",
        "--no-dashboard",
        "--no-nanny",
        "--scheduler-file",
        "scheduler.json",
    ]
    return subprocess.Popen([*command, "--local-directory", str(folder / "scratch")], **quiet)


@pytest.mark.slow
def test_dask_workers_killed_three_times_lose_nothing(folder):
    distributed = pytest.importorskip("distributed")
    several = [a for k in range(120) for a in clusters(60, ("X", "Au", "Si", "Ar")[k % 4])]
    save(folder / "many.xyz", several)
    arguments = ["batch", "many.xyz", "--optimizer", "lbfgs", "--opt", "extreme", "--perturb", "0.1"]
    with spawn(folder, *arguments, "--out", "alone") as process:
        assert finish(process, 300).code == 0
    scheduler, workers = dask_cluster(folder, 2)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    program = shutil.which("dask", path=str(Path(sys.executable).parent))
    try:
        killed = 0
        about = {"scheduler_file": str(folder / "scheduler.json"), "set_as_default": False}
        with (
            distributed.Client(**about) as watch,
            spawn(folder, *arguments, "--out", "out", "--scheduler-file", "scheduler.json") as process,
        ):
            while process.poll() is None and killed < 3:
                time.sleep(0.2)
                busy = [address for address, tasks in watch.processing().items() if tasks]
                if busy:
                    (pid,) = watch.run(os.getpid, workers=busy[:1]).values()
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
                    workers.append(worker(folder, program, quiet))
            done = finish(process, 300)
        assert done.code == 0, done.err
        assert killed == 3
    finally:
        for one in [*workers, *scheduler]:
            one.kill()
            one.wait()
    assert lines(folder, "out") == lines(folder, "alone")


@pytest.mark.slow
def test_a_calculator_computes_on_the_workers_of_a_scheduler(folder):
    pytest.importorskip("distributed")
    save(folder / "copper.xyz", clusters(6, "Au"))
    scheduler, workers = dask_cluster(folder, 2)
    there = ["--scheduler-file", "scheduler.json"]
    batch = ["batch", "copper.xyz", "--calculator", "emt", "--optimizer", "lbfgs"]
    search = ["search", "Cu7", "--calculator", "emt", "--evaluations", "300", "--no-certify", "--json"]
    try:
        ends = [
            run(folder, *batch, "--out", "alone"),
            run(folder, *batch, "--out", "out", *there),
            run(folder, *search, "--db", "alone.db", "--out", "alone.xyz"),
            run(folder, *search, "--db", "there.db", "--out", "there.xyz", *there),
        ]
    finally:
        for one in [*workers, *scheduler]:
            one.kill()
            one.wait()
    assert [end.code for end in ends] == [0, 0, 0, 0], [end.err for end in ends]
    assert lines(folder, "out") == lines(folder, "alone")
    here, away = (json.loads(end.out) for end in ends[2:])
    assert (away["energy"], away["evaluations"]) == (here["energy"], here["evaluations"])
