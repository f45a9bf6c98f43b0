"""The README does what it says; links, potentials and citations in the documentation are right."""

import re
import shutil
import tomllib
from pathlib import Path

import pages
import pytest
from guide import run_all

from clusteropt.potentials import sets
from clusteropt.report.citations import METHOD, PROGRAM

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *pages.pages()]
INSTALLATION = "python3 -m venv venv && . venv/bin/activate && pip install . && "


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def copied(folder: Path) -> Path:
    """A copy of the checkout as a clone has it."""
    own = shutil.ignore_patterns(".*", "_build", "__pycache__", "venv", "dist", "build", "*.min.xyz", "tests")
    return Path(shutil.copytree(ROOT, folder / "here", ignore=own))


def commands(page: Path) -> list[str]:
    return [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.slow
def test_everything_in_the_readme_works_in_the_order_shown_from_the_root_of_a_checkout(tmp_path):
    """Only the installation is another: the environment of the tests takes the place of the new one."""
    first, tests = blocks(ROOT / "README.md", "sh")
    assert first.startswith(INSTALLATION)
    assert tests == "pip install '.[test]' && python -m pytest -n 2\n"
    (code,) = blocks(ROOT / "README.md", "python")
    lines = [first.removeprefix(INSTALLATION), *commands(ROOT / "README.md"), f"python - <<'END'\n{code}\nEND"]
    done = run_all(lines, copied(tmp_path))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^converged -1[89]\d\.\d+ eV\n", done.stdout, re.MULTILINE)
    number = r"-?\d+(\.\d+)?(e-\d+)?\b"  # which minimum a random start leads to is a matter of the last digits
    (shown,) = blocks(ROOT / "README.md", "text")
    two = ["\n".join(text.splitlines()[:2]) for text in (done.stdout, shown)]
    words = [re.sub(number, "0", text).split() for text in two]
    assert words[0] == words[1]


def test_every_default_potential_is_in_the_table_of_the_documentation():
    text = (ROOT / "docs" / "potentials.md").read_text(encoding="utf-8")
    assert f"{len(sets.names())} parameter sets" in text
    for name in sets.names():
        if sets.load(name).default_for and not name.startswith(("gupta-cu-ni", "gupta-ni-ag", "gupta-pd-")):
            assert f"`{name}`" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link):
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), (link, anchor)


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as web sites make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_read_on_a_package_index_too_where_relative_links_lead_nowhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.findall(r"(?<!!)\[[^\]]*\]\((?!https://)", text)
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", text)  # where there is none, its words say what it shows
    assert pictures
    assert all(len(words.split()) >= 8 and (ROOT / path).is_file() for words, path in pictures)
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
