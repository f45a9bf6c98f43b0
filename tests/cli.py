"""The command line as a shell calls it: in this process, which is fast, or in one of its own."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from ase import Atoms
from ase.io import read, write

from clusteropt.cli import main
from clusteropt.runtime import host

# between neighbours, sigma for X and else angstrom
LENGTHS = {"X": 2 ** (1 / 6), "Ar": 2 ** (1 / 6) * 3.4, "Kr": 2 ** (1 / 6) * 3.65, "Au": 2.7, "Si": 2.6}
_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(8)
LOCAL = ("--optimizer", "lbfgs")  # for `minimize` and `batch` in tests of files and messages: no search
_COLOURS = ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "CLICOLOR_FORCE")
_START = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test process in the background would pass on 'ignored'
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and one below nohup
sys.argv[0] = "clusteropt"
{before}
from clusteropt.__main__ import main
main()
"""
FULL_DISK = """
import contextlib, itertools, resource
from clusteropt.runtime import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
whole_writing, written = files.writing, itertools.count()
@contextlib.contextmanager
def writing(path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    full = os.path.realpath(path).startswith(os.getcwd()) and next(written) >= {spared}
    resource.setrlimit(resource.RLIMIT_FSIZE, ({size} if full else before[0], before[1]))
    try:
        with whole_writing(path) as file:
            yield file
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
files.writing = writing
"""  # after `spared` files, the working folder has room for files of `size` bytes; compiled programs are kept elsewhere


class Outcome(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict]:
        return json.loads(self.out)

    @property
    def complaints(self) -> list[str]:
        """The error messages, one a line."""
        return [line for line in self.err.splitlines() if line.startswith("clusteropt: ")]


def run(folder: Path, *arguments: str | Path, stdin: bytes = b"") -> Outcome:
    """`clusteropt` in `folder`, in this process. What `main` does not turn into an exit code fails the test."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(folder))
        stack.enter_context(patch.object(sys, "argv", ["clusteropt", *map(str, arguments)]))
        stack.enter_context(patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))))
        stack.enter_context(patch.object(host, "prepare", lambda *_, **__: None))  # the test process is prepared
        stack.enter_context(patch.dict(os.environ))
        for name in _COLOURS:
            os.environ.pop(name, None)
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def spawn(folder: Path, *arguments: str | Path, before: str = "", env: dict | None = None, **options):
    """`clusteropt` in `folder`, in a process of its own that first executes `before`; ended here at the latest."""
    outside = {k: v for k, v in os.environ.items() if k not in _COLOURS} | (env or {})
    command = [sys.executable, "-c", _START.format(before=before), *map(str, arguments)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    process = subprocess.Popen(command, cwd=folder, env=outside, text=True, **pipes)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def finish(process: subprocess.Popen, timeout: float = 60) -> Outcome:
    """Waits for the end of a spawned process."""
    out, err = process.communicate(timeout=timeout)
    return Outcome(process.returncode, out or "", err or "")


def call(folder: Path, *arguments: str | Path, **options) -> Outcome:
    """`clusteropt` in `folder`, in a process of its own, to its end."""
    with spawn(folder, *arguments, **options) as process:
        return finish(process, 200)


def cluster(element: str = "X", number: int = 0, **more: object) -> Atoms:
    """A distorted tetrahedron, another one for each `number`; four atoms, so that one program serves nearly all tests."""
    length = LENGTHS[element]
    shift = np.random.default_rng(number).uniform(-0.05, 0.05, (4, 3))
    return Atoms([element] * 4, positions=length * (_TETRAHEDRON + shift), info={"number": number, **more})


def clusters(count: int, element: str = "X") -> list[Atoms]:
    return [cluster(element, k) for k in range(count)]


def save(path: Path, frames: Atoms | Sequence[Atoms]) -> Path:
    """The frames as extended XYZ."""
    write(path, frames, format="extxyz")
    return path


def frames_of(path: Path) -> list[Atoms]:
    return read(path, index=":", format="extxyz")


def names(folder: Path) -> set[str]:
    """All that is in a folder, hidden files too."""
    return {p.name for p in folder.iterdir()}
