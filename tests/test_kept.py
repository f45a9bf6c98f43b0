"""Whatever ends `minimize`, and whenever: what was reported as done is in its files, and every file is whole."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from ase import Atoms
from cli import call, finish, frames_of, names, run, save, spawn

COUNT = 60
# files are written and spoken of after every portion, and a search has one structure in a portion
OFTEN = """
from clusteropt import display, outputs, trajectories
outputs._EVERY = outputs._RARELY = display._REPORT = 0
trajectories._AT_A_TIME = 2
"""
WAYS = {
    "lbfgs": ["--optimizer", "lbfgs"],
    "learned": ["--optimizer", "learned", "--trajectories", "2", "--steps", "8", "--hops", "2"],
}
ENDS = {"TERM": 75, "HUP": 75, "INT": 130, "KILL": -9, "stdout": 0, "stderr": 0}


def starts():
    """Small clusters of three sizes, in no order."""
    numbers = np.random.default_rng(0).permutation(np.repeat([4, 7, 11], COUNT // 3))
    clouds = [np.random.default_rng(k).normal(size=(n, 3)) for k, n in enumerate(numbers)]
    return [Atoms(f"X{len(x)}", positions=x * len(x) ** (1 / 3), info={"number": k}) for k, x in enumerate(clouds)]


@pytest.fixture(scope="module", params=WAYS)
def undisturbed(request, tmp_path_factory):
    """The way, how long a run takes, and its energies by number."""
    folder = tmp_path_factory.mktemp("undisturbed")
    save(folder / "many.xyz", starts())
    command = ["minimize", "many.xyz", *WAYS[request.param], "--threads", "1", "--force"]
    call(folder, *command, before=OFTEN)  # programs are compiled
    began = time.monotonic()
    done = call(folder, *command, before=OFTEN)
    assert done.code in (0, 4)
    return request.param, time.monotonic() - began, energies(folder / "many.min.xyz"), done.code


def energies(path):
    """By number, of those that were not interrupted; reading fails where the file is not whole."""
    frames = frames_of(path) if path.exists() else []
    return {a.info["number"]: a.get_potential_energy() for a in frames if a.info["status"] != "interrupted"}


def ended(folder, way, how, seconds):
    """The outcome of a run that was ended so after so many seconds; of a pipe, what was read of it until it was closed."""
    with spawn(folder, "minimize", "many.xyz", *WAYS[way], "--threads", "1", before=OFTEN) as process:
        if how not in ("stdout", "stderr"):
            timer = threading.Timer(seconds, lambda: process.send_signal(getattr(signal, f"SIG{how}")))
            timer.start()
            done = finish(process, 300)
            timer.cancel()
            return done
        pipe = getattr(process, how)
        time.sleep(seconds)
        os.set_blocking(pipe.fileno(), False)
        said = os.read(pipe.fileno(), 100_000).decode() if readable(pipe) else ""
        pipe.close()
        setattr(process, how, None)
        return finish(process, 300)._replace(**{"out" if how == "stdout" else "err": said})


def readable(pipe):
    from select import select

    return bool(select([pipe], [], [], 0)[0])


def reported(outcome, total=COUNT):
    """How many structures the messages and the table call done."""
    lines = [int(n) for n in re.findall(rf"(\d+) of {total} structures are (?:done|finished) and kept", outcome.err)]
    rows = sum(line.startswith("many.xyz:") and "interrupted" not in line for line in outcome.out.splitlines())
    return max([*lines, rows, total * ("written to" in outcome.err and outcome.code in (0, 4))])


def check(folder, undisturbed, how, seconds):
    way, _, whole, usual = undisturbed
    save(folder / "many.xyz", starts())
    outcome = ended(folder, way, how, seconds)
    kept = energies(folder / "many.min.xyz")
    assert len(kept) >= reported(outcome), outcome
    assert kept.items() <= whole.items()
    unheard = how == "INT" and "potential" not in outcome.err  # Python itself says so while it imports the program
    assert unheard or "Traceback" not in outcome.err
    assert names(folder) <= {"many.xyz", "many.min.xyz"} or how == "KILL"
    if how in ("stdout", "stderr"):
        assert outcome.code == usual
        assert kept == whole
    else:  # before it listens, and when it has ended, a signal does what it does by default
        assert outcome.code in (ENDS[how], usual, -getattr(signal, f"SIG{how}"))
    return reported(outcome)


@pytest.mark.parametrize("how", ENDS)
def test_what_was_reported_is_kept(undisturbed, tmp_path, how):
    if undisturbed[0] == "lbfgs" and how in ("HUP", "INT"):
        pytest.skip("as TERM; among the slow ones")
    share = {"TERM": 0.8, "HUP": 0.9, "INT": 0.7, "KILL": 0.85, "stdout": 0.2, "stderr": 0.75}[how]
    check(tmp_path, undisturbed, how, share * undisturbed[1])


@pytest.mark.slow
@pytest.mark.parametrize("how", ENDS)
def test_what_was_reported_is_kept_at_thirty_random_moments(undisturbed, tmp_path, how):
    rng = np.random.default_rng(list(how.encode()))
    counts = []
    for k, share in enumerate(rng.uniform(0, 1.1, 30)):
        folder = tmp_path / str(k)
        folder.mkdir()
        counts.append(check(folder, undisturbed, how, share * undisturbed[1]))
    print(undisturbed[0], how, "reported:", sorted(counts))  # noqa: T201  for who runs it with -s


def test_a_search_that_is_stopped_gives_its_lowest_minima_so_far_and_says_so(tmp_path):
    save(tmp_path / "many.xyz", [a for a in starts() if len(a) == 7][:2])
    before = """
from clusteropt import chains
whole = chains.hop
def hop(*arguments):
    chains.hop = whole
    os.kill(os.getpid(), signal.SIGTERM)
    return whole(*arguments)
chains.hop = hop
"""
    done = call(tmp_path, "minimize", "many.xyz", *WAYS["learned"], before=before)
    assert done.code == 75
    (line,) = done.complaints
    assert line.startswith("clusteropt: stopped (SIGTERM): ")
    found = frames_of(tmp_path / "many.min.xyz")
    plain = run(tmp_path, "minimize", "many.xyz", "--optimizer", "lbfgs", "--out", "p.xyz", "--json").records
    assert "interrupted" in [a.info["status"] for a in found]
    for atoms, record in zip(found, plain, strict=True):
        assert atoms.get_potential_energy() <= record["energy"] + 1e-6
        assert np.abs(atoms.get_forces()).max() < 1e-3


@pytest.mark.parametrize(
    ("error", "words"),
    [("ValueError('a fault')", "unexpected ValueError (a fault)"), ("MemoryError()", "the memory does not suffice")],
)
def test_an_error_half_way_keeps_what_is_finished(tmp_path, error, words):
    save(tmp_path / "many.xyz", starts())
    before = f"""
from clusteropt import minima
whole, calls = minima._minimize, []
def faulty(*arguments):
    calls.append(0)
    if len(calls) == 2:
        raise {error}
    return whole(*arguments)
minima._minimize = faulty
"""
    done = call(tmp_path, "minimize", "many.xyz", *WAYS["lbfgs"], before=before)
    assert done.code == 1
    (line,) = done.complaints
    assert words in line
    assert "20 of 60 structures are finished and kept" in line
    assert len(energies(tmp_path / "many.min.xyz")) == 20


def test_the_time_limit_is_code_75_and_keeps_what_is_finished(tmp_path):
    save(tmp_path / "many.xyz", [Atoms("Ar", info={"number": -1}), *starts()[:2]])
    endless = ["--optimizer", "lbfgs", "--fmax", "1e-300", "--max-steps", "2000000000", "--threads", "1"]
    done = call(tmp_path, "minimize", "many.xyz", *endless, "--time-limit", "8s", before=OFTEN)
    assert done.code == 75
    (line,) = done.complaints
    assert line.startswith("clusteropt: stopped (time limit): ")
    assert len(energies(tmp_path / "many.min.xyz")) == reported(done, 3)  # one, unless the machine is very busy


def test_a_hangup_is_ignored_below_nohup(tmp_path):
    save(tmp_path / "many.xyz", starts()[:3])
    before = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from clusteropt import api
whole = api.run
def hung_up(*arguments, **options):
    os.kill(os.getpid(), signal.SIGHUP)
    yield from whole(*arguments, **options)
api.run = hung_up
"""
    assert call(tmp_path, "minimize", "many.xyz", *WAYS["lbfgs"], before=before).code == 0


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_standard_stream_that_the_caller_has_closed_changes_nothing_else(tmp_path, closed):
    save(tmp_path / "many.xyz", starts()[:3])
    shell = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", sys.executable, "-m", "clusteropt"]
    command = [*shell, "minimize", "many.xyz", *WAYS["lbfgs"]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len(frames_of(tmp_path / "many.min.xyz")) == 3


def test_nobody_reads_beyond_the_first_line(tmp_path):
    save(tmp_path / "many.xyz", starts()[:3])
    reader, writer = os.pipe()
    os.close(reader)
    done = call(tmp_path, "minimize", "many.xyz", *WAYS["lbfgs"], stdout=writer, stderr=writer)
    os.close(writer)
    assert done.code == 0
    assert len(frames_of(tmp_path / "many.min.xyz")) == 3
