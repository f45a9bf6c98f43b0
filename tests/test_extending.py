"""The parts that docs/extending.md adds from outside: the page is made into an installed package, and its commands run."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from helpers import structure, user_file, value
from test_documentation import ROOT, blocks, commands, run_all

import clusteropt
from clusteropt.optimizers.learned.network import n_numbers
from clusteropt.optimizers.learned.rule import sizes
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.potentials import sets
from clusteropt.potentials.form import form_of
from clusteropt.runtime import plugins

PAGE = ROOT / "docs" / "extending.md"
IN_TURN = """
import runpy, shlex, sys
from clusteropt.cli import main
for line in sys.argv[1:]:
    program, *sys.argv[1:] = shlex.split(line)
    try:
        runpy.run_path(sys.argv[1]) if program == "python" else main()
    except SystemExit as end:
        if end.code:
            raise
"""  # all commands in one process, which saves their starts


def files() -> dict[str, str]:
    """The files of the page by name: the first line of each block is a comment with it."""
    found = [block for language in ("python", "toml") for block in blocks(PAGE, language)]
    return {block.splitlines()[0].removeprefix("# "): block for block in found}


def install(folder: Path) -> None:
    """The page's package as pip would install it: its modules, and the entry points beside them."""
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


def printed_in(folder: Path) -> str:
    """The page's package is installed in the folder and all of its commands run; what they printed."""
    install(folder)
    command = [sys.executable, "-c", IN_TURN, *commands(PAGE)]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_parts_of_the_page_work_from_outside(tmp_path: Path) -> None:
    """The form has the energies of the shipped one, the optimizer reaches a minimum, the network sees the feature."""
    printed = printed_in(tmp_path)
    found = read(tmp_path / "ar13.min.xyz")
    shipped = sets.load(user_file(tmp_path, files()["argon.toml"].replace("my-morse", "morse"), "shipped.toml"))
    expected = value(shipped.potential(("Ar",)), structure(found.positions), size=16)
    assert found.get_potential_energy() == pytest.approx(expected.energy, abs=1e-9)
    assert np.abs(found.get_forces() + expected.gradient).max() < 1e-9

    found = read(tmp_path / "adam.xyz")
    assert "by my-adam" in printed
    assert np.abs(found.get_forces()).max() < 3e-6
    assert found.get_potential_energy() < -30 * 0.0104

    assert "strategy: my-search" in printed
    assert "features: ('schedule', 'my-density')" in printed
    without = LearnedSettings(features=("schedule",))
    assert f"{n_numbers(without, *sizes(without)) + without.widths[0]} numbers" in printed


def test_features_from_outside_follow_the_shipped_ones_whatever_the_order_asked_for(monkeypatch) -> None:
    """The order of theta must not depend on the order of the words or of the installed packages."""
    monkeypatch.setattr(plugins, "is_known", lambda group, name: True)
    asked = [LearnedSettings(features=names) for names in (("b", "a", "radial", "size"), ("size", "a", "b", "radial"))]
    assert asked[0].features == asked[1].features == ("size", "radial", "a", "b")


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
        "clusteropt: the entry point 'my-morse' of clusteropt.potentials must lead to"
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
