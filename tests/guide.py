"""The pages of the documentation as a reader who types everything would run them, in a folder with the examples."""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cli import run
from pages import EXAMPLES, Block, blocks

SHELL = set("|&;<>()$`*?[#~")


def run_pages(pages: Sequence[Path], folder: Path) -> None:
    """The commands and programs of the pages, one after the other in one folder; what is shown below them is what they print."""
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.min.xyz", "*.db"))
    for page in pages:
        names: dict[str, object] = {"__name__": "__page__"}
        printed = ""
        for block in blocks(page):
            if block.language == "text":
                assert _head(block.text) <= _words(printed) or not printed, (page.name, _head(block.text), printed)
            printed = _done(block, folder, names, page)


def _done(block: Block, folder: Path, names: dict[str, object], page: Path) -> str:
    """Runs a block, or writes the file that it is; what it printed."""
    if block.file:
        (folder / block.file).write_text(block.text, encoding="utf-8")
        return ""
    if block.language == "console":
        return "".join(ended_well(line, folder) for line in block.lines)
    if block.language == "python":
        return _executed(block.text, folder, names, page)
    return ""


def _executed(code: str, folder: Path, names: dict[str, object], page: Path) -> str:
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        exec(compile(code, str(page), "exec"), names)
    return printed.getvalue()


def ended_well(line: str, folder: Path) -> str:
    """Runs a line, which has to succeed. What needs a shell gets one; a command alone runs in this process, which is faster."""
    program, *arguments = shlex.split(line)
    if program == "clusteropt" and not set(line) & SHELL:
        done = run(folder, *arguments)
        assert done.code == 0, (line, done.err)
        return done.out + done.err
    shell = run_all([line], folder)
    assert shell.returncode == 0, (line, shell.stderr)
    return shell.stdout + shell.stderr


def run_all(lines: Sequence[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The lines as one shell script, in a folder, with those variables of the environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    script = "set -eu\n" + "\n".join(lines)
    environment = {**os.environ, "PATH": path, **variables}
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _head(shown: str) -> set[str]:
    """The words of the first line of what a page shows."""
    return _words(shown.splitlines()[0])


def _words(text: str) -> set[str]:
    """The words of a text; all numbers are one, for they depend on machines and seeds."""
    return set(re.sub(r"-?\d[\d,.]*(e[-+]\d+)?%?", "0", text).split())
