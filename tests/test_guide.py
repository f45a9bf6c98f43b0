"""Every block of the documentation runs, and every option, status and exit code is described once."""

import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import interface
import options
import pytest
import typer
from guide import run_pages
from pages import DOCS, blocks, contents, pages, text_of
from pictures import PICTURES, README, pictures_of

import clusteropt
from clusteropt.cli import app
from clusteropt.engine.step import Status
from clusteropt.errors import ExitCode

REFERENCE = DOCS / "reference"
COMMANDS = contents(REFERENCE / "commands" / "index.md")
ELSEWHERE = {DOCS / "extending.md"}  # tests/test_extending.py
# pages that take seconds
USUAL = ("start.md", "potentials.md", "how-to/export.md", "how-to/hosts.md", "how-to/odd-files.md", "how-to/resume.md")
ALONE = [
    page
    for page in pages()
    if REFERENCE not in page.parents
    and page not in ELSEWHERE
    and any(one.language in ("console", "python") for one in blocks(page))
]
_TABLE = r"^\| {} \|.*?\n((?:\|.*\n)+)"
_PLACEHOLDERS = re.compile(r"\b(COMMAND|NAME|FILE|KIND|RESULTS)\b")


def name_of(page: Path) -> str:
    return page.relative_to(DOCS.parent).as_posix().removeprefix("docs/")


@pytest.mark.slow
def test_every_block_of_the_reference_runs_in_the_order_of_its_contents_where_the_examples_are(tmp_path):
    run_pages([*COMMANDS, *contents(REFERENCE / "index.md")[1:]], tmp_path)


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=() if name_of(page) in USUAL else pytest.mark.slow, id=name_of(page)) for page in ALONE],
)
def test_every_block_of_a_page_runs_where_the_examples_are(page, tmp_path):
    run_pages([page], tmp_path)


@pytest.mark.parametrize("page", [README, *(page for page in pages() if page not in ELSEWHERE)], ids=name_of)
def test_what_is_shown_for_the_shell_is_right_by_its_grammar_and_by_the_options_of_the_program(page):
    for block in blocks(page):
        if block.language in ("sh", "bash"):
            subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        if block.language in ("sh", "bash", "console"):
            for line in re.findall(r"^(?:\$ )?(clusteropt .*)", block.text.replace("\\\n", ""), re.MULTILINE):
                understood(line)
    for line in re.findall(r"`(clusteropt [^`]*)`", re.sub(r"^```.*?^```", "", text_of(page), flags=re.M | re.S)):
        if not _PLACEHOLDERS.search(line):
            understood(" ".join(line.split()))


@pytest.mark.parametrize("script", sorted((DOCS / "hpc").glob("*.sh")), ids=name_of)
def test_job_scripts_are_right_by_the_grammar_of_the_shell(script):
    """They run in tests/test_hpc.py, with stand-ins for srun and scontrol."""
    subprocess.run(["bash", "-n", script], check=True)


def understood(line: str) -> None:
    """The words of a command line are options and arguments that the program knows."""
    line = re.sub(r"\$\{?\w+\}?", "1", line)
    words = shlex.split(re.split(r" [|<>&;]| \d?>", line)[0], comments=True)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    if words and "--help" not in words:
        command.make_context("clusteropt", words, resilient_parsing=False)


def test_every_command_has_its_page_in_the_contents():
    names = [command.name for command in app.registered_commands] + [group.name for group in app.registered_groups]
    assert sorted(page.stem for page in COMMANDS) == sorted(filter(None, names))
    assert all(text_of(page).startswith(f"# {page.stem}\n") for page in COMMANDS)


def test_every_option_of_every_command_is_described_once():
    places = [
        place for page in pages() for place in re.findall(r"<!-- options of ([a-z ]+?)(?: beyond|-| -)", text_of(page))
    ]
    assert sorted(places) == sorted(options.commands())


def test_every_public_name_and_what_functions_return_is_in_the_reference():
    text = text_of(REFERENCE / "python.md")
    classes = {name for name in clusteropt.__all__ if name[0].isupper()} - {"ClusterCalculator", "ClusterOptError"}
    assert set(re.findall(r"<!-- function (\w+)", text)) == {name for name in clusteropt.__all__ if name[0].islower()}
    assert set(re.findall(r"<!-- attributes of (\w+)", text)) == classes | interface.RETURNED.keys()
    assert {"ClusterCalculator", "ClusterOptError"} <= set(re.findall(r"clusteropt\.(\w+)", text))


def test_every_picture_is_made_by_a_command_beside_it():
    shown = [one for page in [README, *pages()] for one in pictures_of(page)]
    assert {one.path for one in shown} == {path for path in PICTURES.rglob("*") if path.is_file()}
    for path, commands in shown:
        assert path.stat().st_size < 150_000, path
        assert path.name == "terminal.svg" or path.name in made_by(commands), (path, commands)


def made_by(commands: Sequence[str]) -> set[str]:
    """The names of files that commands name, and of pictures beside the weights of a training."""
    named = [word for command in commands for word in command.split() if "." in word]
    return {*named, *(word.removesuffix(".h5") + ".png" for word in named)}


def cells(first: str) -> list[str]:
    """The entries of the first column of all tables whose first column has that name."""
    found = [rows for page in pages() for rows in re.findall(_TABLE.format(first), text_of(page), re.MULTILINE)]
    return [row.split("|")[1].strip(" `") for rows in found for row in rows.splitlines()[1:]]


def test_every_status_is_described_once():
    labels = [one.label for one in Status if one not in (Status.RUNNING, Status.IDLE)]
    assert Counter(cells("status")) == Counter(labels)


def test_every_exit_code_is_described_once():
    assert Counter(cells("exit code")) == Counter(str(int(code)) for code in ExitCode)
