"""The parts that docs/extending.md adds from outside: the page is made into an installed package, and its commands run."""

import ast
import tomllib
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from helpers import structure, user_file, value
from test_documentation import ROOT, blocks, commands, run_all

import clusteropt
from clusteropt.potentials import sets
from clusteropt.potentials.form import form_of

PAGE = ROOT / "docs" / "extending.md"


def files() -> dict[str, str]:
    """The files of the page by name: the first line of each block is a comment with it."""
    found = [block for language in ("python", "toml") for block in blocks(PAGE, language)]
    return {block.splitlines()[0].removeprefix("# "): block for block in found}


def install(folder: Path) -> None:
    """What pip would leave of the page's package: its modules, and the entry points beside them."""
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    project = tomllib.loads(files()["pyproject.toml"])["project"]
    about = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8")
    sections = [
        f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in parts.items())
        for group, parts in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(sections), encoding="utf-8")


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Path:
    """A folder where the page's package is installed and its commands have run."""
    folder = tmp_path_factory.mktemp("outside")
    install(folder)
    done = run_all(commands(PAGE), folder, PYTHONPATH=str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def test_a_form_from_outside_has_the_energies_of_the_shipped_one(outside: Path) -> None:
    found = read(outside / "ar13.min.xyz")
    shipped = sets.load(user_file(outside, files()["argon.toml"].replace("my-morse", "morse"), "shipped.toml"))
    expected = value(shipped.potential(("Ar",)), structure(found.positions), size=16)
    assert found.get_potential_energy() == pytest.approx(expected.energy, abs=1e-9)
    assert np.abs(found.get_forces() + expected.gradient).max() < 1e-9


def test_the_page_explains_every_field_of_the_record() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in form_of("morse").__dataclass_fields__)


def test_a_form_whose_entry_point_is_wrong_is_refused_in_a_line(tmp_path: Path) -> None:
    install(tmp_path)
    points = next(tmp_path.glob("*.dist-info")) / "entry_points.txt"
    points.write_text("[clusteropt.potentials]\nmy-morse = my_morse:tables\n", encoding="utf-8")
    done = run_all(["clusteropt potentials check argon.toml"], tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith(
        "clusteropt: the entry point 'my-morse' of clusteropt.potentials must be"
    )


@pytest.mark.parametrize("name", ["lennard-jones", "gupta", "stillinger-weber", "morse"])
def test_the_name_of_a_form_stands_in_its_own_module_and_in_the_table(name: str) -> None:
    """The program asks the record of a form, and compares no names."""
    package = Path(clusteropt.__file__).parent
    places = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == name
    }
    assert places == {"runtime/plugins.py", f"potentials/forms/{name.replace('-', '_')}.py"}
