"""The plan of the code: who may import whom, and what the command line may not drag in."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import clusteropt

PACKAGE = Path(clusteropt.__file__).parent
# a room imports from lower levels and from itself only (docs/design.md)
LEVELS = (
    ("errors", "words"),
    ("console",),
    ("runtime",),
    ("settings",),
    ("records",),
    ("pictures",),
    ("clusters",),
    ("potentials",),
    ("problems",),
    ("optimizers",),
    ("engine",),
    ("search",),
    ("exploration",),
    ("io", "database"),
    ("fitting",),
    ("training", "hosts"),
    ("result", "evaluation"),
    ("api", "calculator", "comparing", "finding", "optimizing", "stepping"),
    ("report",),
    ("batch",),
    ("gathering",),
    ("commands",),
    ("cli",),
    ("__init__", "__main__"),
)
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The module or package right below the top."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Rooms that the file imports from, anywhere in it; imports for type checkers only do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    rooms = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in skipped and node.module:
            parts = node.module.split(".")
            if parts[0] == "clusteropt":
                rooms |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return rooms - {"__version__"}


def test_the_table_of_the_design_is_this_plan():
    page = (Path(__file__).parents[1] / "docs/design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", page, re.MULTILINE)
    told = {int(level): {*re.findall(r"`(\w+)/?`", modules)} for level, modules in rows}
    assert told == {k: {*names} for k, names in enumerate(LEVELS, 1) if "__init__" not in names}


def test_every_room_has_a_level():
    assert {room(path) for path in FILES} == set(LEVEL_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_from_lower_levels_only(path):
    own = room(path)
    too_high = {other for other in imported(path) - {own} if LEVEL_OF[other] >= LEVEL_OF[own]}
    assert not too_high


def test_only_runtime_touches_the_settings_of_jax():
    others = [path for path in FILES if room(path) != "runtime" and "jax.config" in path.read_text(encoding="utf-8")]
    assert not others


@pytest.mark.parametrize("arguments", [["--help"], ["minimize", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys; from clusteropt.cli import app\n"
        f"try:\n    app({arguments!r})\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'numpy', 'jax', 'ase', 'h5py', 'scipy', 'optax'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
