"""Every command and every piece of Python in the documentation does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clusteropt.cli import app
from clusteropt.potentials import sets
from clusteropt.relax import Status

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
USED = [ROOT / "README.md", ROOT / "docs" / "usage.md"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run_all(lines: list[str], folder: Path) -> subprocess.CompletedProcess:
    """The lines as one shell script, in a folder with the examples."""
    for example in (ROOT / "docs" / "examples").iterdir():
        shutil.copy(example, folder)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    script = "set -eu\n" + "\n".join(lines)
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("page", USED, ids=lambda page: page.name)
def test_every_command_shown_works_in_the_order_shown(page, tmp_path):
    commands = [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    assert commands
    done = run_all(commands, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_python_in_the_readme_runs(tmp_path):
    (code,) = blocks(ROOT / "README.md", "python")
    done = run_all([f"python - <<'END'\n{code}\nEND"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.match(r"converged -1[89]\d\.\d+ eV\n", done.stdout)


def test_the_table_in_the_readme_is_what_comes_out(tmp_path):
    (shown,) = blocks(ROOT / "README.md", "text")
    done = run_all(["clusteropt minimize lj38.xyz --quiet"], tmp_path)
    number = r"-?\d+(\.\d+)?(e-\d+)?\b"  # which minimum a random start leads to is a matter of the last digits
    words = [re.sub(number, "0", text).split() for text in (done.stdout, shown.replace("docs/examples/", ""))]
    assert words[0] == words[1]


def test_the_settings_and_the_parameter_file_shown_are_accepted(tmp_path):
    (tmp_path / "settings.toml").write_text(blocks(ROOT / "docs" / "usage.md", "toml")[0], encoding="utf-8")
    (tmp_path / "mine.toml").write_text(blocks(ROOT / "docs" / "potentials.md", "toml")[0], encoding="utf-8")
    lines = ["clusteropt minimize lj38.xyz --config settings.toml", "clusteropt potentials check mine.toml"]
    done = run_all(lines, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "by fire" in done.stderr


def test_every_status_is_explained():
    text = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
    assert all(f"`{s.label}`" in text for s in Status if s not in (Status.RUNNING, Status.IDLE))


def test_every_default_potential_is_in_the_table_of_the_documentation():
    text = (ROOT / "docs" / "potentials.md").read_text(encoding="utf-8")
    assert f"{len(sets.names())} parameter sets" in text
    for name in sets.names():
        if sets.load(name).default_for and not name.startswith(("gupta-cu-ni", "gupta-ni-ag", "gupta-pd-")):
            assert f"`{name}`" in text


def test_every_command_is_explained():
    text = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
    names = [command.name for command in app.registered_commands] + [group.name for group in app.registered_groups]
    assert all(f"\n## {name}\n" in text for name in names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert all((page.parent / link).exists() for link in links if "://" not in link)
