"""A search that is stopped, killed or watched: what was found is kept, and what was reported is in the database."""

import os
import pty
import re
import signal
import time
from select import select

import numpy as np
import pytest
from cli import call, finish, frames_of, names, run, spawn

from clusteropt.database.database import Database
from clusteropt.finding.under_way import Finding

ENDLESS = ("search", "LJ8", "--confirm", "0", "--time-limit", "1h", "--threads", "2")
SHORT = ("search", "LJ8", "--threads", "2", "--no-certify")
HARD = (ENDLESS[0], "Ag4Pd4", *ENDLESS[2:], "--optimizer", "none", "--no-certify")  # lower minima come in many rounds
OFTEN = "from clusteropt.commands import search_display; search_display._REPORT = 0"  # a line after every round
LOWEST = re.compile(r"lowest (-\d+\.\d+) (?:epsilon|eV)")


def lines_until(process, wanted: int, seconds: float = 120) -> list[float]:
    """The lowest energies that a search has reported when it has done so as often as `wanted`."""
    handle, said, end = process.stderr.fileno(), b"", time.monotonic() + seconds
    while len(LOWEST.findall(said.decode())) < wanted and time.monotonic() < end and select([handle], [], [], 60)[0]:
        said += os.read(handle, 4096)
    return [float(energy) for energy in LOWEST.findall(said.decode())]


def lowest_of(path) -> float:
    with Database.open(path, create=False) as database:
        return database.minima("Ag4Pd4", 1)[0].minimum.energy


@pytest.mark.parametrize(("number", "code", "why"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 75, "SIGTERM")])
def test_a_signal_keeps_everything_and_tells_it(tmp_path, number, code, why):
    with spawn(tmp_path, *ENDLESS, before=OFTEN) as process:
        reported = lines_until(process, 2)
        process.send_signal(getattr(signal, number))
        done = finish(process)
    assert done.code == code, done.err
    assert len(done.complaints) == 1
    assert done.complaints[0].endswith(": what was found is kept")
    assert f"stopped by: {why}" in done.out
    assert done.out.splitlines()[1].endswith("; not certified")
    assert names(tmp_path) == {"X8.min.xyz", "X8.minima.db"}
    (lowest,) = frames_of(tmp_path / "X8.min.xyz")
    assert lowest.get_potential_energy() <= reported[-1] + 1e-6
    with Database.open(tmp_path / "X8.minima.db") as database:
        (own,) = database.runs()
        assert own.stopped_by == why
        assert database.entries()[0].energy == pytest.approx(lowest.get_potential_energy(), abs=1e-6)
        assert database.entries()[0].point_group


def test_the_end_of_a_slurm_job_stops_a_search_that_can_go_on(tmp_path):
    env = {"SLURM_JOB_END_TIME": str(int(time.time() + 60 + 8))}
    with spawn(tmp_path, *ENDLESS, env=env) as process:
        done = finish(process)
    assert done.code == 75, done.err
    assert "stopped by: end of the Slurm job" in done.out
    assert names(tmp_path) == {"X8.min.xyz", "X8.minima.db"}


def test_a_signal_while_libraries_load_ends_the_command_in_a_line(tmp_path):
    with spawn(tmp_path, *ENDLESS, before="print('begun', file=sys.stderr, flush=True)") as process:
        assert process.stderr.readline() == "begun\n"  # from here on a signal is heard
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        done = finish(process)
    assert done.code == 130
    assert len(done.complaints) == 1
    assert "Traceback" not in done.err


def test_ctrl_c_waits_for_no_program_that_is_being_compiled(tmp_path):
    slowly = (
        "from clusteropt.engine import programs; programs._build = lambda program: __import__('time').sleep(1000)\n"
        "programs._is_kept = lambda program: False"  # whatever the cache of this machine has
    )
    with spawn(tmp_path, *ENDLESS, before=slowly) as process:
        assert any("compiling for" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        done = finish(process)
    assert (done.code, done.complaints) == (130, ["clusteropt: interrupted: nothing was found yet"])
    assert "stopped by: interrupted" in done.out


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 75)])
def test_a_stopped_search_waits_for_no_library_that_is_at_work(tmp_path, number, code):
    waits = "import atexit, time; atexit.register(time.sleep, 1000)"  # as for a computation that has been started
    with spawn(tmp_path, *ENDLESS, before=f"{OFTEN}; {waits}") as process:
        assert lines_until(process, 1)
        process.send_signal(getattr(signal, number))
        done = finish(process)
    assert done.code == code, done.err
    assert len(done.complaints) == 1
    assert "stopped by" in done.out


def test_ctrl_c_before_the_first_minimum_says_so_and_shows_no_empty_table(tmp_path, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Finding, "__iter__", interrupted)
    done = run(tmp_path, *ENDLESS)
    assert done.code == 130
    assert "X8, potential lj: no minimum found" in done.out
    assert not {"rank", "chance"} & {*done.out.split()}
    assert "nothing was found yet" in done.complaints[0]


def test_what_was_reported_is_in_the_database_when_the_program_is_killed(tmp_path):
    rarely = "from clusteropt.finding import under_way; under_way._EVERY = 1e9"  # but for new lowest minima
    with spawn(tmp_path, *HARD, before=f"{OFTEN}; {rarely}") as process:
        reported = lines_until(process, 6)
        process.kill()
        process.wait()
    assert len(reported) >= 6
    assert reported[-1] < reported[0], "or this test shows little"
    assert lowest_of(tmp_path / "Ag4Pd4.minima.db") <= min(reported) + 1e-6


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_no_minimum_that_was_reported(tmp_path):
    rng, ever = np.random.default_rng(0), np.inf
    for seed in range(20):
        with spawn(tmp_path, *HARD, "--seed", str(seed), before=OFTEN) as process:
            reported = lines_until(process, 1)
            time.sleep(rng.uniform(0, 3))
            process.kill()
            reported += [float(energy) for energy in LOWEST.findall(process.communicate()[1])]
        ever = min(ever, *reported)
        assert lowest_of(tmp_path / "Ag4Pd4.minima.db") <= ever + 1e-6
        assert frames_of(tmp_path / "Ag4Pd4.min.xyz")[0].get_potential_energy() <= ever + 1e-6
        assert not [name for name in names(tmp_path) if name.endswith(".xyz") and name != "Ag4Pd4.min.xyz"]


@pytest.mark.parametrize("variables", [pytest.param({"NO_COLOR": "1"}, marks=pytest.mark.slow), {}])
def test_a_terminal_shows_how_far_the_search_is_and_is_left_clean(tmp_path, variables):
    warm = call(tmp_path, *SHORT, "--evaluations", "1", "--no-db", "--quiet")
    assert warm.code == 0, "the programs are in the cache, so that the few seconds below are those of a search"
    ours, theirs = pty.openpty()
    shown = b""
    env = {"TERM": "xterm", "COLUMNS": "100", **variables}
    with spawn(tmp_path, *SHORT, "--confirm", "0", "--time-limit", "4", stderr=theirs, env=env) as process:
        os.close(theirs)
        while select([ours], [], [], 60)[0]:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            shown += piece
        out = process.communicate()[0]
    text = shown.decode()
    assert process.returncode == 0
    assert "lowest -19" in text
    assert re.search(r"[\d,]+ evaluations · 0:0\d used, 0:0\d left · chance of a miss \d+%", text)
    assert "\x1b" not in out
    assert "\x1b[?25h" in text, "the cursor is shown again"
