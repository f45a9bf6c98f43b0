"""Counts how the code of clusteropt/ is cut: lengths, arguments, and pairs of places that share code.

    python tests/benchmarks/house.py [FOLDER] [--check] [--worst N]

*Lengths.* A file counts all its lines. A function counts the lines from `def` to its end, docstring included; methods
and nested functions are functions. The p95 of n values is number 0.95 n of the sorted list.

*Arguments* are those of a signature, with `self`, and `*rest` and `**rest` as one each. The commands are left out of
them (the public functions in cli/), where an option is an argument.

*Shared code.* What counts is code in functions, from `def` on; fields, constants and tables declare and do nothing.
Imports, docstrings, comments and blank lines are dropped. In the lines that remain every name, string and number
becomes one token; keywords, operators and brackets stay, the indentation goes. Two places share code where SHARED such
lines in a row, or more, are the same in both, within one function each. The longest run counts; a run of which both
places lie in those of a longer run, shifted or not, is the same pair of places. Pairs that are signatures alone are
said to be.

With `--check` the exit code is 1 where a goal is missed.
"""

import argparse
import ast
import io
import keyword
import statistics
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[2] / "clusteropt"
SHARED = 6
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Size(NamedTuple):
    """A number that belongs to a file or a function."""

    value: int
    place: str


class Line(NamedTuple):
    """A line of code without its names."""

    text: str
    path: str
    number: int
    unit: int  # the line where its function begins
    signature: bool


class Pair(NamedTuple):
    """Two places that share `length` lines: the indices of their first lines."""

    length: int
    one: int
    two: int

    def within(self, other: "Pair") -> bool:
        """Both places overlap those of a longer run."""
        near = other.length, self.length
        return all(-near[1] < a - b < near[0] for a, b in ((self.one, other.one), (self.two, other.two)))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS))


def is_command(name: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return name.startswith("cli/") and not function.name.startswith("_")


def n_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    own = function.args
    named = len(own.posonlyargs) + len(own.args) + len(own.kwonlyargs)
    return named + (own.vararg is not None) + (own.kwarg is not None)


def sizes(root: Path, files: Sequence[Path]) -> tuple[list[Size], list[Size], list[Size]]:
    """Lines of the files, lines of their functions, arguments of the functions that are no commands."""
    texts = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in files}
    found = [
        (f"{name}:{f.lineno} {f.name}", name, f) for name, text in texts.items() for f in functions(ast.parse(text))
    ]
    return (
        [Size(len(text.splitlines()), name) for name, text in texts.items()],
        [Size((f.end_lineno or f.lineno) - f.lineno + 1, place) for place, _, f in found],
        [Size(n_arguments(f), place) for place, name, f in found if not is_command(name, f)],
    )


def span(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def says_nothing(node: ast.AST) -> bool:
    """An import, a docstring."""
    string = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return string or isinstance(node, ast.Import | ast.ImportFrom)


def dropped(tree: ast.Module) -> set[int]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and says_nothing(node)]
    return {number for node in nodes for number in span(node)}


def units(tree: ast.Module) -> tuple[dict[int, int], set[int]]:
    """The function that each line belongs to, innermost, by its first line; and the lines of signatures."""
    unit, signature = {}, set()
    for function in functions(tree):  # outer ones come first
        first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
        unit |= dict.fromkeys(range(first, (function.end_lineno or first) + 1), first)
        signature |= set(range(first, max(function.body[0].lineno, function.lineno + 1)))
    return unit, signature


def nameless(token: tokenize.TokenInfo) -> str:
    if token.type in (tokenize.STRING, tokenize.NUMBER):
        return "x"
    return "x" if token.type == tokenize.NAME and not keyword.iskeyword(token.string) else token.string


def lines(root: Path, path: Path) -> list[Line]:
    text = path.read_text(encoding="utf-8")
    tree, name = ast.parse(text), str(path.relative_to(root))
    gone, (unit, signature) = dropped(tree), units(tree)
    rows: dict[int, list[str]] = defaultdict(list)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT and token.start[0] in unit and token.start[0] not in gone:
            rows[token.start[0]].append(nameless(token))
    return [Line(" ".join(row), name, n, unit[n], n in signature) for n, row in sorted(rows.items())]


def windows(code: Sequence[Line]) -> dict[tuple[str, ...], list[int]]:
    """Where each run of SHARED lines within one function begins."""
    places = defaultdict(list)
    for first in range(len(code) - SHARED + 1):
        run = code[first : first + SHARED]
        if len({(line.path, line.unit) for line in run}) == 1:
            places[tuple(line.text for line in run)].append(first)
    return places


def shared(code: Sequence[Line]) -> list[Pair]:
    """Pairs of places, the longest first."""
    same = {two for places in windows(code).values() for two in combinations(places, 2) if two[1] - two[0] >= SHARED}
    runs = []
    for one, two in same - {(a + 1, b + 1) for a, b in same}:
        length = SHARED
        while (one + length - SHARED + 1, two + length - SHARED + 1) in same:
            length += 1
        runs.append(Pair(length, one, two))
    kept: list[Pair] = []
    for run in sorted(runs, key=lambda r: (-r.length, r.one, r.two)):
        if not any(run.within(other) for other in kept):
            kept.append(run)
    return kept


def p95(values: Sequence[int]) -> int:
    return sorted(values)[int(0.95 * len(values))]


def show(title: str, found: Sequence[Size], worst: int) -> None:
    values = [size.value for size in found]
    print(f"{title}: {len(found)}, median {statistics.median(values):g}, p95 {p95(values)}, maximum {max(values)}")
    for size in sorted(found, reverse=True)[:worst]:
        print(f"    {size.value:4d}  {size.place}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=PACKAGE)
    parser.add_argument("--check", action="store_true", help="exit code 1 where a goal is missed")
    parser.add_argument("--worst", type=int, default=8, help="how many offenders to name")
    asked = parser.parse_args()
    files = sorted(asked.folder.rglob("*.py"))
    by_file, by_function, arguments = sizes(asked.folder, files)
    show("lines of a file", by_file, asked.worst)
    show("lines of a function", by_function, asked.worst)
    show("arguments", arguments, asked.worst)
    code = [line for path in files for line in lines(asked.folder, path)]
    pairs = shared(code)
    bare = [p for p in pairs if all(line.signature for at in p[1:] for line in code[at : at + p.length])]
    print(f"pairs of places that share {SHARED} lines or more: {len(pairs)}, {len(bare)} of them signatures alone")
    for pair in pairs:
        where = " and ".join(f"{code[at].path}:{code[at].number}" for at in pair[1:])
        print(f"    {pair.length:4d}  {where}{' (signatures)' if pair in bare else ''}")
    numbers = [[size.value for size in found] for found in (by_file, by_function, arguments)]
    goals = {
        "the median file has at most 110 lines": statistics.median(numbers[0]) <= 110,
        "no file has more than 300 lines": max(numbers[0]) <= 300,
        "the median function has at most 8 lines": statistics.median(numbers[1]) <= 8,
        "19 of 20 functions have at most 30 lines": p95(numbers[1]) <= 30,
        "19 of 20 functions take at most 5 arguments": p95(numbers[2]) <= 5,
        "no function but commands takes more than 12 arguments": max(numbers[2]) <= 12,
        "at most 2 pairs of places share code beyond signatures": len(pairs) - len(bare) <= 2,
    }
    for goal, reached in goals.items():
        print(f"{'reached' if reached else 'MISSED'}: {goal}")
    return int(asked.check and not all(goals.values()))


if __name__ == "__main__":
    raise SystemExit(main())
