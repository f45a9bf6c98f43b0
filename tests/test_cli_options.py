"""Options, configuration files and output files of `clusteropt minimize` that cannot be, and full disks."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cli import LOCAL, call, cluster, clusters, frames_of, names, run, save

WRONG = [  # options, and what the one line about them says
    (["--optimizer", "lbgfs"], ["did you mean 'lbfgs'?", "fire, gradient-descent"]),
    (["--opt", "tihgt"], ["did you mean 'tight'?", "crude, loose, normal, tight, extreme"]),
    (["--potential", "gupta-rosat"], ["did you mean 'gupta-rosato'?", "sw-si"]),
    (["--potential", "LJ"], ["did you mean 'lj'?", "sw-si"]),
    (["--potential", "own.toml"], ["own.toml: no such parameter file"]),
    (["--fmax", "-1"], ["fmax must be a positive number, got -1"]),
    (["--fmax", "nan"], ["fmax must be a positive number, got nan"]),
    (["--rms", "0"], ["rms must be a positive number, got 0"]),
    (["--fmax", "1e-3", "--rms", "1e-3"], ["fmax and rms", "give one of them"]),
    (["--max-steps", "0"], ["at least 1, got 0"]),
    (["--threads", "0"], ["threads must be at least 1, got 0"]),
    (["--device", "tpu"], ["device cannot be 'tpu'", "cpu, gpu"]),
    (["--perturb", "-0.1"], ["perturb must not be negative, got -0.1"]),
    (["--seed", "-1"], ["seed must be between 0 and 4294967295, got -1"]),
    (["--seed", "4294967296"], ["seed must be between 0 and 4294967295"]),
    (["--out", "nowhere/a.xyz"], ["nowhere/a.xyz: the folder nowhere does not exist", "make it"]),
    (["--out", "folder"], ["folder", "name a file"]),
    (["--out", "folder", "--force"], ["folder: is a folder", "name a file"]),
    (["--out", "start.xyz"], ["start.xyz: exists already", "--out", "--force"]),
    (["--config", "none.toml"], ["none.toml", "No such file"]),
]
PARSED = [  # what the parser of the command line refuses by itself
    (["--fmax", "small"], "--fmax"),
    (["--max-stepz", "3"], "--max-steps"),
    (["--max-steps", "1.5"], "--max-steps"),
]
CONFIGURED = {  # content of a configuration file, and what the one line about it says
    'optimiser = "fire"': "unknown key 'optimiser'; did you mean 'optimizer'?",
    "max-steps = 100": "unknown key 'max-steps'; did you mean 'max_steps'?",
    'fmax = "small"': "fmax must be a number, got 'small'",
    "max_steps = 1.5": "max_steps must be a whole number, got 1.5",
    "seed = true": "seed must be a whole number, got True",
    'optimizer = "fier"': "optimizer cannot be 'fier'; did you mean 'fire'?",
    "fmax = -1": "fmax must be a positive number",
    "fmax = 1\nrms = 1": "give one of them",
    "fmax = ": "not a TOML file",
    "[minimize]\nfmax = 1": "unknown key 'minimize'",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    save(tmp_path / "start.xyz", clusters(3))
    return tmp_path


def refused(folder, *arguments):
    """The one line on stderr of a command that is refused before any work, with nothing written and nothing on stdout."""
    before = {p: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    done = run(folder, *arguments)
    assert done.out == ""
    assert {p: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before
    (line,) = done.err.splitlines()
    assert line.startswith("clusteropt: ")
    return done.code, line


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_an_option_that_cannot_be_is_refused_with_what_is_allowed(folder, options, words):
    code, line = refused(folder, "minimize", "start.xyz", *options)
    assert code == (3 if options[0] == "--config" else 2)
    assert all(word in line for word in words)


@pytest.mark.parametrize(("options", "name"), PARSED)
def test_what_is_no_number_or_no_option_is_refused_by_name(folder, options, name):
    done = run(folder, "minimize", "start.xyz", *options)
    assert (done.code, done.out) == (2, "")
    assert name in done.err
    assert names(folder) == {"start.xyz", "folder"}


@pytest.mark.parametrize("options", [["--max-steps", "99999999999"], ["--perturb", "1e300"], ["--fmax", "1e300"]])
def test_enormous_numbers_are_used_or_refused_without_stray_warnings(folder, options):
    done = run(folder, "minimize", *LOCAL, "start.xyz", *options)  # a warning of a library is an error here
    assert done.code in (0, 2, 4)
    assert (done.code == 2) == bool(done.complaints)


@pytest.mark.parametrize("content", CONFIGURED)
def test_a_configuration_file_that_cannot_be_is_named_with_the_key(folder, content):
    (folder / "c.toml").write_text(content, encoding="utf-8")
    code, line = refused(folder, "minimize", "start.xyz", "--config", "c.toml")
    assert code in (2, 3)
    assert line.startswith("clusteropt: c.toml: ")
    assert CONFIGURED[content] in line


@pytest.mark.parametrize(
    ("options", "optimizer", "criterion"),
    [
        ([], "fire", "fmax <= 0.001 "),
        (["--optimizer", "lbfgs"], "lbfgs", "fmax <= 0.001 "),
        (["--fmax", "1e-5"], "fire", "fmax <= 1e-05 "),
        (["--rms", "1e-4"], "fire", "rms <= 0.0001 "),
        (["--opt", "loose"], "fire", "fmax <= 0.000891 "),
    ],
)
def test_the_command_line_wins_over_the_configuration_file(folder, options, optimizer, criterion):
    (folder / "c.toml").write_text('optimizer = "fire"\nfmax = 1e-3\n', encoding="utf-8")
    done = run(folder, "minimize", "start.xyz", "--config", "c.toml", *options)
    assert done.code == 0
    assert f"converged at {criterion}" in done.err
    assert f"by {optimizer}" in done.err


def test_an_existing_result_is_overwritten_with_force_only(folder):
    for name in ("start.min.xyz", "chosen.xyz", "start.trajectory.xyz"):
        (folder / name).write_text("precious", encoding="utf-8")
    for options in ([], ["--out", "chosen.xyz"], ["--out", "new.xyz", "--save-trajectory"]):
        code, line = refused(folder, "minimize", *LOCAL, "start.xyz", *options)
        assert code == 2
        assert "exists already" in line
        assert "--force" in line
    assert run(folder, "minimize", *LOCAL, "start.xyz", "--force").code == 0
    assert len(frames_of(folder / "start.min.xyz")) == 3
    assert (folder / "chosen.xyz").read_text(encoding="utf-8") == "precious"


def test_force_does_not_replace_what_is_no_ordinary_file(folder):
    os.mkfifo(folder / "pipe")  # stands for a device: as root, one of those would be gone for the whole machine
    done = run(folder, "minimize", *LOCAL, "start.xyz", "--out", "pipe", "--force")
    assert (folder / "pipe").is_fifo()
    assert done.code == 2
    assert "pipe" in done.complaints[0]


def test_a_link_is_not_replaced_without_force_even_if_it_leads_nowhere(folder):
    (folder / "link.xyz").symlink_to("nowhere.xyz")
    done = run(folder, "minimize", *LOCAL, "start.xyz", "--out", "link.xyz")
    assert (folder / "link.xyz").is_symlink()
    assert done.code == 2


def test_inputs_of_the_same_stem_are_not_mixed_up(folder):
    save(folder / "folder" / "start.xyz", cluster(number=9))
    code, line = refused(folder, "minimize", *LOCAL, "start.xyz", "folder/start.xyz")
    assert code == 2
    assert "start.min.xyz" in line
    assert "--out" in line
    assert run(folder, "minimize", *LOCAL, "start.xyz", "folder/start.xyz", "--out", "all.xyz").code == 0
    assert [a.info["number"] for a in frames_of(folder / "all.xyz")] == [0, 1, 2, 9]


def test_the_same_file_twice_is_done_twice(folder):
    done = run(folder, "minimize", *LOCAL, "start.xyz", "start.xyz", "--json")
    assert done.code == 0
    assert [r["structure"] for r in done.records] == [f"start.xyz:{k}" for k in (0, 1, 2)] * 2
    assert [r["energy"] for r in done.records[:3]] == [r["energy"] for r in done.records[3:]]
    assert len(frames_of(folder / "start.min.xyz")) == 6


@pytest.fixture
def mounted(tmp_path):
    """Mounts a memory disk of 8 kB, where the tests may; gives the function that does it."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(options):
        if os.geteuid() or not shutil.which("mount"):
            pytest.skip("only root can mount a disk")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")
        return disk

    yield mount
    if os.path.ismount(disk):
        subprocess.run(["umount", disk], check=True)


def test_an_output_folder_that_is_not_writable_is_refused_before_the_work(folder, mounted):
    if os.geteuid():
        disk = folder / "folder"
        disk.chmod(0o555)
    else:
        disk = mounted("ro")
    code, line = refused(folder, "minimize", *LOCAL, "start.xyz", "--out", f"{disk.name}/a.xyz")
    assert code == 2
    assert "not writable" in line


def test_a_full_disk_is_named_and_leaves_the_old_file_and_no_other(folder, mounted):
    disk = mounted("size=8k")
    (disk / "a.xyz").write_text("precious", encoding="utf-8")
    save(folder / "many.xyz", clusters(40))
    done = run(folder, "minimize", *LOCAL, "many.xyz", "--out", "disk/a.xyz", "--force")
    assert done.code == 1
    (line,) = done.complaints
    assert "disk/a.xyz: cannot be written: No space left on device" in line
    assert names(disk) == {"a.xyz"}
    assert (disk / "a.xyz").read_text(encoding="utf-8") == "precious"


def no_room_for_one_file(folder, monkeypatch):
    """Whichever file is written first in the folder, it never has room, also where it is tried again; all others have."""
    full = set()  # what the names of the temporary files of one target share

    def fsync(handle):
        status = os.fstat(handle)
        own = {e.name.split(".")[1] for e in os.scandir(folder) if os.path.samestat(status, e.stat())}
        full.update(own if not full else ())
        if own & full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_result_that_cannot_be_written_takes_neither_the_table_nor_the_other_files_along(folder, monkeypatch):
    save(folder / "other.xyz", cluster())
    no_room_for_one_file(folder, monkeypatch)
    done = run(folder, "minimize", *LOCAL, "start.xyz", "other.xyz")
    assert done.code == 1
    assert "start.min.xyz: cannot be written: No space left on device" in done.complaints[0]
    assert names(folder) == {"folder", "start.xyz", "other.xyz", "other.min.xyz"}
    assert len(done.out.splitlines()) == 1 + 4


def test_a_trajectory_that_cannot_be_written_does_not_take_the_results_along(folder, monkeypatch):
    no_room_for_one_file(folder, monkeypatch)
    done = run(folder, "minimize", *LOCAL, "start.xyz", "--save-trajectory")
    assert done.code == 1
    assert "cannot be written: No space left on device" in done.complaints[0]
    assert len(done.out.splitlines()) == 1 + 3
    assert len(names(folder) & {"start.min.xyz", "start.trajectory.xyz"}) == 1, "one of the two failed"
    assert "start.min.xyz" in names(folder) or "start.min.xyz" in done.complaints[0]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a device that is always full")
def test_results_that_do_not_fit_on_standard_output_are_an_error_in_words(folder):
    with open("/dev/full", "w") as full:  # only ever opened here: the command must not see it as --out
        done = call(folder, "energy", "start.xyz", "--out", "e.xyz", stdout=full)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "No space left on device" in done.complaints[-1]
    assert len(frames_of(folder / "e.xyz")) == 3
