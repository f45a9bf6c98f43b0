"""Ctrl-C, kill -9 and readers that leave: what is finished is kept, nothing is half-written, nothing lies about."""

import os
import signal
import time
from select import select

import pytest
from ase import Atoms
from cli import LOCAL, call, clusters, finish, frames_of, names, run, save, spawn

from clusteropt.runtime import signals

ENDLESS = [*LOCAL, "--fmax", "1e-300", "--max-steps", "2000000000", "--threads", "2"]


AT_ONCE = "from clusteropt.commands import outputs; outputs._EVERY = outputs._RARELY = 0"  # files are written after every portion


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "atom.xyz", Atoms("Ar"))  # alone: converged at once
    save(tmp_path / "endless.xyz", clusters(3))
    return tmp_path


def until(process, word, seconds):
    """Reads the messages of a process up to one with that word; those read so far if it does not come."""
    handle, said, end = process.stderr.fileno(), b"", time.monotonic() + seconds
    while word.encode() not in said and (left := end - time.monotonic()) > 0 and select([handle], [], [], left)[0]:
        piece = os.read(handle, 4096)
        if not piece:
            break
        said += piece
    return said.decode()


def there(path, seconds):
    """Waits for a file."""
    end = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)


def test_ctrl_c_keeps_what_is_finished_and_leaves_nothing_half_written(folder):
    with spawn(folder, "minimize", "atom.xyz", "endless.xyz", *ENDLESS, before=AT_ONCE) as process:
        before = until(process, "converged at", 60)
        there(folder / "atom.min.xyz", 60)
        process.send_signal(signal.SIGINT)
        done = finish(process)
    assert "noble-gases" in before
    assert done.code == 130
    assert done.complaints == ["clusteropt: interrupted: 1 of 4 structures is finished and kept"]
    assert "Traceback" not in done.err
    assert frames_of(folder / "atom.min.xyz")[0].info["status"] == "converged"
    assert [line.split()[0] for line in done.out.splitlines()] == ["structure", "atom.xyz"]
    assert names(folder) == {"atom.xyz", "endless.xyz", "atom.min.xyz"}


def test_ctrl_c_keeps_finished_structures_of_the_potential_that_is_still_at_work(folder):
    save(folder / "mixed.xyz", [Atoms("X"), Atoms("X"), *clusters(3)])
    with spawn(folder, "minimize", "mixed.xyz", *ENDLESS, before=AT_ONCE) as process:
        there(folder / "mixed.min.xyz", 60)
        process.send_signal(signal.SIGINT)
        done = finish(process)
    assert done.code == 130
    assert len(frames_of(folder / "mixed.min.xyz")) == 2


def test_ctrl_c_while_a_pool_starts_a_thread_is_raised_soon_after_and_nothing_waits_for_ever(folder):
    before = """
import concurrent.futures.thread as pool
original = pool.ThreadPoolExecutor._adjust_thread_count
def stop(self):
    pool.ThreadPoolExecutor._adjust_thread_count = original
    original(self)
    os.kill(os.getpid(), signal.SIGINT)
pool.ThreadPoolExecutor._adjust_thread_count = stop
"""
    done = call(folder, "minimize", "endless.xyz", *ENDLESS, before=before)
    assert done.code == 130
    assert done.complaints == ["clusteropt: interrupted: 0 of 3 structures are finished and kept"]


@pytest.mark.parametrize(
    "place", ["runtime.host.prepare", "commands.structures._read_all", "commands.structures._compute"]
)
def test_ctrl_c_at_any_time_is_code_130_and_one_line(folder, place):
    module, _, name = f"clusteropt.{place}".rpartition(".")
    before = f"import {module}\ndef stop(*_, **__): os.kill(os.getpid(), signal.SIGINT)\n"
    done = call(folder, "minimize", "endless.xyz", before=before + f"{module}.{name} = stop")
    assert (done.code, done.out) == (130, "")
    (line,) = done.err.splitlines()
    assert line.startswith("clusteropt: interrupted")
    assert names(folder) == {"atom.xyz", "endless.xyz"}


@pytest.mark.parametrize("place", ["runtime.host.prepare", "io.reading.frames", "api.results_of"])
def test_ctrl_c_is_not_lost_in_a_callback_of_the_garbage_collector(folder, place):
    """Python prints exceptions from such callbacks and goes on; importing jax registers one."""
    module, _, name = f"clusteropt.{place}".rpartition(".")
    before = f"""
import gc
import {module}
whole = {module}.{name}
def interrupted(*arguments, **options):
    def callback(*_):
        gc.callbacks.remove(callback)
        os.kill(os.getpid(), signal.SIGINT)
    gc.callbacks.append(callback)
    gc.collect()
    return whole(*arguments, **options)
{module}.{name} = interrupted
"""
    assert call(folder, "energy", "endless.xyz", before=before).code == 130


def test_ctrl_c_while_results_are_written_leaves_no_temporary_file(folder, monkeypatch):
    def interrupt(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    done = run(folder, "random", "X4", "--out", "s.xyz")
    assert done.code == 130
    assert names(folder) == {"atom.xyz", "endless.xyz"}


def test_ctrl_c_while_waiting_for_standard_input_leaves_no_temporary_file(folder):
    (folder / "tmp").mkdir()
    reader, writer = os.pipe()
    with spawn(folder, "minimize", *LOCAL, "-", stdin=reader, env={"TMPDIR": str(folder / "tmp")}) as process:
        end = time.monotonic() + 10  # a temporary file need not come
        while not names(folder / "tmp") and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        done = finish(process)
    os.close(reader)
    os.close(writer)
    assert done.code == 130
    assert names(folder / "tmp") == set()


def test_kill_leaves_nothing_but_the_input_and_what_was_kept(folder):
    with spawn(folder, "minimize", "atom.xyz", "endless.xyz", *ENDLESS, before=AT_ONCE) as process:
        there(folder / "atom.min.xyz", 60)
        process.send_signal(signal.SIGKILL)
        assert finish(process).code == -signal.SIGKILL
    assert names(folder) == {"atom.xyz", "endless.xyz", "atom.min.xyz"}
    assert len(frames_of(folder / "atom.min.xyz")) == 1


def test_kill_in_the_middle_of_writing_leaves_the_old_result_whole(folder):
    (folder / "s.xyz").write_text("precious", encoding="utf-8")
    before = "os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)"
    done = call(folder, "random", "X4", "--out", "s.xyz", "--force", before=before)
    assert done.code == -signal.SIGKILL
    assert (folder / "s.xyz").read_text(encoding="utf-8") == "precious"


def test_a_reader_that_leaves_early_is_no_traceback(folder):
    with spawn(folder, "random", "X13", "--count", "500") as process:  # more than a pipe holds
        assert process.stdout.readline() == "13\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--help"], 0), (["minimize", "--nonsense"], 2), (["random", "Qq3"], 2)]
)
def test_a_reader_who_leaves_changes_no_exit_code(folder, arguments, code):
    reader, writer = os.pipe()
    os.close(reader)
    assert call(folder, *arguments, stdout=writer, stderr=writer).code == code
    os.close(writer)


def test_results_are_written_although_nobody_reads_the_table(folder):
    reader, writer = os.pipe()
    os.close(reader)
    done = call(folder, "energy", "endless.xyz", "--out", "e.xyz", stdout=writer)
    os.close(writer)
    assert "Traceback" not in done.err
    assert len(frames_of(folder / "e.xyz")) == 3


def test_a_process_of_its_own_does_what_the_tests_see_in_theirs(folder):
    assert call(folder, "energy", "endless.xyz") == run(folder, "energy", "endless.xyz")


@pytest.mark.parametrize("change", [lambda: signals.alarm_in(100), signals.no_alarm])
def test_a_signal_that_came_at_an_unsafe_moment_is_raised_though_the_time_limit_is_moved(change):
    importing = compile("os.kill(os.getpid(), signal.SIGINT)", "importlib/module.py", "exec")

    def patiently() -> None:
        with signals.remembered(signal.SIGINT, seconds=50) as heard:
            exec(importing)
            assert heard.owed
            change()
            time.sleep(20)

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        patiently()
    assert time.monotonic() - begin < 10
