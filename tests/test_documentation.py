"""Every command and every piece of Python in the documentation does what it says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cli import run

from clusteropt.cli import app
from clusteropt.engine.step import Status
from clusteropt.potentials import sets
from clusteropt.report.citations import METHOD, PROGRAM

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
COMMANDS = REFERENCE / "commands"
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)]
SHELL = set("|&;<>()$`*?[#~")
INSTALLATION = "python3 -m venv venv && . venv/bin/activate && pip install . && "


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def copied(folder: Path, *, checkout: bool) -> Path:
    """A copy of the checkout as a clone has it, or of the examples alone."""
    own = shutil.ignore_patterns(".*", "__pycache__", "venv", "dist", "build", "*.min.xyz", "tests")
    return Path(shutil.copytree(ROOT if checkout else ROOT / "docs" / "examples", folder / "here", ignore=own))


def run_all(lines: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """The lines as one shell script, in a folder, with those variables of the environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    script = "set -eu\n" + "\n".join(lines)
    environment = {**os.environ, "PATH": path, **variables}
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def commands(page: Path) -> list[str]:
    return [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]


def contents(index: Path) -> list[Path]:
    """The pages that an index lists, in its order."""
    (block,) = blocks(index, "{toctree}")
    return [index.parent / f"{name}.md" for name in block.splitlines() if name and not name.startswith(":")]


def command_pages() -> list[Path]:
    return contents(COMMANDS / "index.md")


def ended_well(line: str, folder: Path) -> None:
    """A line of the guide: what needs a shell gets one, and a command alone runs in this process, which saves its start."""
    program, *arguments = shlex.split(line)
    if program == "clusteropt" and not set(line) & SHELL:
        done = run(folder, *arguments)
        assert done.code == 0, (line, done.err)
    else:
        shell = run_all([line], folder)
        assert shell.returncode == 0, (line, shell.stderr)


@pytest.mark.slow
def test_every_command_of_the_reference_works_in_the_order_of_its_contents_where_the_examples_are(tmp_path):
    folder = copied(tmp_path, checkout=False)
    for page in [*command_pages(), *sorted(REFERENCE.glob("*.md"))]:
        for line in commands(page):
            ended_well(line, folder)


def test_everything_in_the_readme_works_in_the_order_shown_from_the_root_of_a_checkout(tmp_path):
    """Only the installation is another: the environment of the tests takes the place of the new one."""
    first, tests = blocks(ROOT / "README.md", "sh")
    assert first.startswith(INSTALLATION)
    assert tests == "pip install '.[test]' && python -m pytest -n 2\n"
    (code,) = blocks(ROOT / "README.md", "python")
    lines = [first.removeprefix(INSTALLATION), *commands(ROOT / "README.md"), f"python - <<'END'\n{code}\nEND"]
    done = run_all(lines, copied(tmp_path, checkout=True))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^converged -1[89]\d\.\d+ eV\n", done.stdout, re.MULTILINE)
    number = r"-?\d+(\.\d+)?(e-\d+)?\b"  # which minimum a random start leads to is a matter of the last digits
    (shown,) = blocks(ROOT / "README.md", "text")
    two = ["\n".join(text.splitlines()[:2]) for text in (done.stdout, shown)]
    words = [re.sub(number, "0", text).split() for text in two]
    assert words[0] == words[1]


def test_the_settings_and_the_parameter_file_shown_are_accepted(tmp_path):
    (tmp_path / "settings.toml").write_text(blocks(COMMANDS / "minimize.md", "toml")[0], encoding="utf-8")
    (tmp_path / "mine.toml").write_text(blocks(ROOT / "docs" / "potentials.md", "toml")[0], encoding="utf-8")
    lines = ["clusteropt minimize lj38.xyz --config settings.toml", "clusteropt potentials check mine.toml"]
    shutil.copy(ROOT / "docs" / "examples" / "lj38.xyz", tmp_path)
    done = run_all(lines, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "by fire" in done.stderr


def test_every_status_is_explained():
    text = (REFERENCE / "statuses.md").read_text(encoding="utf-8")
    assert all(f"`{s.label}`" in text for s in Status if s not in (Status.RUNNING, Status.IDLE))


def test_every_default_potential_is_in_the_table_of_the_documentation():
    text = (ROOT / "docs" / "potentials.md").read_text(encoding="utf-8")
    assert f"{len(sets.names())} parameter sets" in text
    for name in sets.names():
        if sets.load(name).default_for and not name.startswith(("gupta-cu-ni", "gupta-ni-ag", "gupta-pd-")):
            assert f"`{name}`" in text


def test_every_command_is_explained():
    names = [command.name for command in app.registered_commands] + [group.name for group in app.registered_groups]
    assert sorted(page.stem for page in command_pages()) == sorted(filter(None, names))
    assert all(page.read_text(encoding="utf-8").startswith(f"# {page.stem}\n") for page in command_pages())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert all((page.parent / link).exists() for link in links if "://" not in link)


def test_the_readme_is_read_on_a_package_index_too_where_relative_links_lead_nowhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.findall(r"\]\((?!https://)", text)
    paths = re.findall(r"`(docs/[^`]*)`", text)
    assert "docs/index.md" in paths
    assert all((ROOT / path).exists() for path in paths)


def test_the_metadata_say_who_made_it_and_for_whom():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["authors"] == [{"name": "The clusteropt developers"}]
    assert {"Intended Audience :: Science/Research", "Topic :: Scientific/Engineering :: Chemistry"} < set(
        project["classifiers"]
    )
    assert not any(word.startswith("License ::") for word in project["classifiers"]), "the key license says it"


def test_the_citation_file_says_what_the_command_says():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"version: {project['version']}\n" in text
    assert f'title: "{PROGRAM.fields["title"]}"' in text
    assert all(f"family-names: {name.split(',')[0]}\n" in text for name in METHOD.fields["author"].split(" and "))
    for name in ("booktitle", "volume", "year", "url"):
        assert f": {METHOD.fields[name]}\n" in text
    assert f'"{METHOD.fields["title"].replace("{", "").replace("}", "")}"' in text
    start, end = METHOD.fields["pages"].split("--")
    assert f"start: {start}\n" in text
    assert f"end: {end}\n" in text
