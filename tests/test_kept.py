"""However and whenever `minimize` ends, what was reported as done is in its files, and every file is whole."""

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
from cli import LOCAL, call, finish, frames_of, names, run, save, spawn

COUNT = 60
# files are written and spoken of after every portion, and a search has one structure in a portion; nothing heavy is imported
# before the program listens to signals
OFTEN = """
from clusteropt.commands import structures
whole_compute = structures._compute
def compute(*arguments):
    from clusteropt.commands import display, outputs
    from clusteropt.search import searches
    outputs._EVERY = outputs._RARELY = display._REPORT = 0
    searches._AT_A_TIME = 2
    return whole_compute(*arguments)
structures._compute = compute
"""
WAYS = {
    "lbfgs": ["--optimizer", "lbfgs"],
    "learned": ["--optimizer", "learned", "--trajectories", "2", "--steps", "8", "--hops", "2"],
}
FAST = {
    "lbfgs": ("TERM", "KILL", "stdout"),
    "learned": ("HUP", "INT"),
}  # the slow ones have all ends
ENDS = {"TERM": 75, "HUP": 75, "INT": 130, "KILL": -9, "stdout": 0, "stderr": 0}


def starts():
    """Small clusters of two sizes, in no order."""
    numbers = np.random.default_rng(0).permutation(np.repeat([4, 7], COUNT // 2))
    clouds = [np.random.default_rng(k).normal(size=(n, 3)) for k, n in enumerate(numbers)]
    return [Atoms(f"X{len(x)}", positions=x * len(x) ** (1 / 3), info={"number": k}) for k, x in enumerate(clouds)]


@pytest.fixture(scope="module", params=WAYS)
def undisturbed(request, tmp_path_factory):
    """The way, how long a run takes, and its energies by number."""
    folder = tmp_path_factory.mktemp("undisturbed")
    save(folder / "many.xyz", starts())
    command = ["minimize", "many.xyz", *WAYS[request.param], "--threads", "2", "--force"]
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
    with spawn(folder, "minimize", "many.xyz", *WAYS[way], "--threads", "2", before=OFTEN) as process:
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


def told(outcome, total=COUNT):
    """How many structures each message calls kept."""
    return [
        int(n) for n in re.findall(rf"(\d+) of {total} structures (?:is|are) (?:done|finished) and kept", outcome.err)
    ]


def reported(outcome, total=COUNT):
    """How many structures the messages and the table call done."""
    rows = sum(line.startswith("many.xyz:") and "interrupted" not in line for line in outcome.out.splitlines())
    return max([*told(outcome, total), rows, total * ("written to" in outcome.err and outcome.code in (0, 4))])


def check(folder, undisturbed, how, seconds):
    way, _, whole, usual = undisturbed
    save(folder / "many.xyz", starts())
    outcome = ended(folder, way, how, seconds)
    kept = energies(folder / "many.min.xyz")
    assert len(kept) >= reported(outcome), outcome
    if outcome.code in (75, 130) and "no structure was finished" not in outcome.err and "stopped" in outcome.err:
        assert told(outcome)[-1] == len(kept), outcome
    assert kept.items() <= whole.items()
    unheard = how == "INT" and "potential lj" not in outcome.err  # Python itself says so while it imports the program
    assert unheard or "Traceback" not in outcome.err
    assert names(folder) <= {"many.xyz", "many.min.xyz"} or how == "KILL"
    if how in ("stdout", "stderr"):
        assert outcome.code == usual
        assert kept == whole
    else:  # before it listens, and when it has ended, a signal does what it does by default
        assert unheard or outcome.code in (ENDS[how], usual, -getattr(signal, f"SIG{how}"))
    return reported(outcome)


@pytest.mark.parametrize("how", ENDS)
def test_what_was_reported_is_kept(undisturbed, tmp_path, how):
    if how not in FAST[undisturbed[0]]:
        pytest.skip("among the slow ones")
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
from clusteropt.search import walk
whole = walk.hop
def hop(*arguments):
    walk.hop = whole
    os.kill(os.getpid(), signal.SIGTERM)
    return whole(*arguments)
walk.hop = hop
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
    [("ValueError('a fault')", "unexpected ValueError (a fault)"), ("MemoryError()", "out of memory")],
)
def test_an_error_half_way_keeps_what_is_finished(tmp_path, error, words):
    save(tmp_path / "many.xyz", starts())
    before = f"""
from clusteropt.search import local
whole, calls = local._minimize, []
def faulty(*arguments):
    calls.append(0)
    if len(calls) == 2:
        raise {error}
    return whole(*arguments)
local._minimize = faulty
"""
    done = call(tmp_path, "minimize", "many.xyz", *WAYS["lbfgs"], before=before)
    assert done.code == 1
    (line,) = done.complaints
    assert words in line
    assert "30 of 60 structures are finished and kept" in line
    assert len(energies(tmp_path / "many.min.xyz")) == 30


def test_the_time_limit_is_code_75_and_keeps_what_is_finished(tmp_path):
    save(tmp_path / "many.xyz", [Atoms("Ar", info={"number": -1}), *starts()[:2]])
    endless = ["--optimizer", "lbfgs", "--fmax", "1e-300", "--max-steps", "2000000000", "--threads", "2"]
    done = call(tmp_path, "minimize", "many.xyz", *endless, "--time-limit", "5s", before=OFTEN)
    assert done.code == 75
    (line,) = done.complaints
    assert line.startswith("clusteropt: stopped (time limit): ")
    assert len(energies(tmp_path / "many.min.xyz")) == reported(done, 3)  # one, unless the machine is very busy


def test_a_hangup_is_ignored_below_nohup(tmp_path):
    save(tmp_path / "many.xyz", starts()[:3])
    before = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from clusteropt import api
whole = api.results_of
def hung_up(*arguments, **options):
    os.kill(os.getpid(), signal.SIGHUP)
    yield from whole(*arguments, **options)
api.results_of = hung_up
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


ON_PORTION = """
from clusteropt import api
whole = api.results_of
def watched(*arguments, **options):
    for portion in whole(*arguments, **options):
        yield portion
        if any(not result.problem for result in portion.values()):
            {then}
api.results_of = watched
"""
FULL = """
from clusteropt.commands import outputs
from clusteropt.errors import ClusterOptError
def full(path, text):
    raise ClusterOptError(f"{path}: cannot be written: disk full")
outputs.write_atomically = full
"""
STOP = ON_PORTION.format(then="os.kill(os.getpid(), signal.SIGTERM)")


def test_nothing_counts_as_kept_on_a_full_disk(tmp_path):
    save(tmp_path / "many.xyz", starts())
    done = call(tmp_path, "minimize", "many.xyz", *WAYS["lbfgs"], before=OFTEN + FULL + STOP)
    assert done.code == 75
    first, last = done.complaints
    assert "cannot be written" in first
    assert last == "clusteropt: stopped (SIGTERM): 0 of 60 structures are finished and kept"
    assert names(tmp_path) == {"many.xyz"}


def test_what_could_not_be_used_is_not_kept_and_what_has_no_file_is_only_finished(tmp_path):
    save(tmp_path / "many.xyz", [Atoms("X2"), *starts()])  # two atoms at one place
    done = call(tmp_path, "minimize", "many.xyz", *WAYS["lbfgs"], before=OFTEN + STOP)
    assert done.code == 75
    kept = len(energies(tmp_path / "many.min.xyz"))
    assert kept > 0
    assert f"{kept} of 61 structures {'is' if kept == 1 else 'are'} finished and kept" in done.complaints[-1]
    done = call(tmp_path, "energy", "many.xyz", before=STOP)
    assert done.complaints[-1].endswith(" finished")


@pytest.mark.parametrize("second", ["HUP", "ALRM"])
def test_a_second_signal_costs_nothing_that_the_first_has_left(tmp_path, second):
    save(tmp_path / "one.xyz", starts()[:1])
    before = f"""
from clusteropt.search import searches, walk
polish, hop = searches.Kit.polished, walk.hop
def hopped(*arguments):
    os.kill(os.getpid(), signal.SIGHUP)
    return hop(*arguments)
def polished(*arguments):
    os.kill(os.getpid(), signal.SIG{second})
    return polish(*arguments)
walk.hop, searches.Kit.polished = hopped, polished
"""
    done = call(tmp_path, "minimize", "one.xyz", *WAYS["learned"], before=before)
    assert done.code == 75
    assert done.complaints == [
        "clusteropt: stopped (SIGHUP): 0 of 1 structure is finished and kept, and the lowest minima so far of 1 more"
    ]
    (found,) = frames_of(tmp_path / "one.min.xyz")
    assert found.info["status"] == "interrupted"


@pytest.mark.parametrize(("name", "code"), [("TERM", 0), ("INT", 130)])
def test_a_signal_when_all_is_done_stops_nothing(tmp_path, name, code):
    save(tmp_path / "few.xyz", starts()[:3])
    for place in ("structures._compute", "structures._show"):
        before = f"""
from clusteropt.commands import structures
whole = {place}
def late(*arguments):
    whole(*arguments)
    os.kill(os.getpid(), signal.SIG{name})
{place} = late
"""
        done = call(tmp_path, "minimize", "few.xyz", *WAYS["lbfgs"], "--force", before=before)
        assert done.code == code, done
        assert len(energies(tmp_path / "few.min.xyz")) == 3


def test_a_stop_or_an_error_writes_the_ways_of_what_is_finished(tmp_path):
    save(tmp_path / "many.xyz", starts())
    ways = [*WAYS["lbfgs"], "--save-trajectory"]
    done = call(tmp_path, "minimize", "many.xyz", *ways, before=OFTEN + STOP)
    assert done.code == 75
    kept = [a.info["number"] for a in frames_of(tmp_path / "many.min.xyz")]
    assert 0 < len(kept) < COUNT
    assert {a.info["number"] for a in frames_of(tmp_path / "many.trajectory.xyz")} == set(kept)
    no_memory = """
from clusteropt.commands import outputs
def energy(*_):
    raise MemoryError
outputs.energy = energy
"""
    save(tmp_path / "few.xyz", starts()[:3])
    done = call(tmp_path, "minimize", "few.xyz", *ways, before=no_memory)
    assert done.code == 1
    assert done.complaints == ["clusteropt: --save-trajectory: not written, because of an unexpected MemoryError ()"]
    assert len(energies(tmp_path / "few.min.xyz")) == 3


def test_a_file_of_an_earlier_run_that_stays_is_told_of_and_never_lost(tmp_path):
    save(tmp_path / "water.xyz", Atoms("H2O", positions=np.eye(3)))
    (tmp_path / "water.min.xyz").write_text("of an earlier run", encoding="utf-8")
    done = run(tmp_path, "minimize", *LOCAL, "water.xyz", "--force")
    assert done.code == 3
    assert "warning: water.min.xyz: is left from an earlier run" in done.err
    assert (tmp_path / "water.min.xyz").read_text(encoding="utf-8") == "of an earlier run"


def test_only_files_that_have_something_new_are_written(tmp_path, monkeypatch):
    from clusteropt.commands import outputs

    written = []
    whole = outputs.write_atomically
    monkeypatch.setattr(outputs, "write_atomically", lambda path, text: (written.append(path.name), whole(path, text)))
    monkeypatch.setattr(outputs, "_EVERY", 0)
    monkeypatch.setattr(outputs, "_RARELY", 0)
    for k, atoms in enumerate([Atoms("X"), Atoms("X", positions=[[1, 0, 0]]), starts()[0]]):
        save(tmp_path / f"{k}.xyz", atoms)
    done = run(tmp_path, "minimize", "0.xyz", "1.xyz", "2.xyz", *WAYS["lbfgs"])
    assert sorted(written) == ["0.min.xyz", "1.min.xyz", "2.min.xyz"]
    assert "written to 0.min.xyz, 1.min.xyz, 2.min.xyz" in done.err


def test_structures_go_to_standard_output_as_utf_8_whatever_its_encoding(tmp_path):
    atoms = starts()[0]
    atoms.info["author"] = "Pál Erdős"
    save(tmp_path / "one.xyz", atoms)
    latin = {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "clusteropt", "minimize", "one.xyz", *WAYS["lbfgs"], "--out", "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, env=os.environ | latin)
    (tmp_path / "back.xyz").write_bytes(done.stdout)
    assert frames_of(tmp_path / "back.xyz")[0].info["author"] == atoms.info["author"]
