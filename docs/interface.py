"""The parts of the reference that are made from the Python interface and from the parameter sets.

`python docs/options.py` writes them, between `<!-- function search -->`, `<!-- attributes of Result -->` or `<!-- potentials -->`
and `<!-- end -->` of each page.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import clusteropt
from clusteropt.potentials import sets

_PLACE = re.compile(r"(<!-- (function|attributes of|potentials) ?(\S*) -->\n).*?(<!-- end -->)", re.DOTALL)
RETURNED = {
    "Certificate": "clusteropt.search.certify",
    "PointGroup": "clusteropt.clusters.pointgroups",
    "Score": "clusteropt.evaluation.score",
    "Optimized": "clusteropt.optimizing",
    "Relaxed": "clusteropt.finding.result",
}
_KEYWORD = re.compile(r"^\w+: [A-Z]", re.MULTILINE)


def with_interface(text: str) -> str:
    """The page, with its parts as the program has them now."""
    return _PLACE.sub(lambda place: f"{place[1]}{_made(place[2], place[3])}\n{place[4]}", text)


def _made(kind: str, name: str) -> str:
    if kind == "function":
        return function(name)
    return attributes(name) if kind == "attributes of" else potentials()


def function(name: str) -> str:
    """How a function is called, and its docstring; keywords that are options of a command are described there."""
    one = getattr(clusteropt, name)
    about = inspect.getdoc(one) or ""
    keywords = _KEYWORD.search(about)
    about = about[: keywords.start()] if keywords else about
    wrapped = [textwrap.fill(part, 100, break_on_hyphens=False) for part in about.strip().split("\n\n")]
    return f"```py\n{_call(name, one)}\n```\n\n" + "\n\n".join(wrapped) + "\n"


def _call(name: str, one: Any) -> str:
    shown, starred = [], False
    for each in inspect.signature(one).parameters.values():
        if each.kind is each.KEYWORD_ONLY and not starred:
            shown, starred = [*shown, "*"], True
        stars = "**" if each.kind is each.VAR_KEYWORD else ""
        default = "" if each.default is each.empty else f"={each.default!r}"
        shown.append(f"{stars}{each.name}{default}")
    head = f"clusteropt.{name}("
    return textwrap.fill(f"{head}{', '.join(shown)})", 84, subsequent_indent="    ", break_on_hyphens=False)


def attributes(name: str) -> str:
    """A table of the attributes of a class that are described where they are defined."""
    rows = [f"| `{attribute}` | {kind} | {meaning} |" for attribute, kind, meaning in _attributes(class_of(name))]
    return "\n".join(["| attribute | type | meaning |", "|---|---|---|", *rows])


def class_of(name: str) -> type:
    """A public class, or one whose objects public functions return."""
    if name in RETURNED:
        return getattr(__import__(RETURNED[name], fromlist=[name]), name)
    return getattr(clusteropt, name)


def _attributes(one: type) -> Iterator[tuple[str, str, str]]:
    source = inspect.getsource(one)
    lines = source.splitlines()
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield from _described(node.target.id, node.annotation, _comment(lines[node.lineno - 1 : node.end_lineno]))
        if isinstance(node, ast.FunctionDef):
            name = node.name if node.decorator_list else f"{node.name}()"
            yield from _described(name, node.returns, " ".join((ast.get_docstring(node) or "").split()))


def _described(name: str, kind: ast.expr | None, meaning: str) -> Iterator[tuple[str, str, str]]:
    if meaning and not name.startswith("_"):
        shown = ast.unparse(kind).strip("'\"").replace("|", "or") if kind else ""
        yield name, shown, meaning.replace("|", "\\|").removesuffix(".")


def _comment(lines: list[str]) -> str:
    found = [line.split("# ", 1)[1] for line in lines if "# " in line]
    return " ".join(found)


def potentials() -> str:
    """A table of the shipped parameter sets with their sources."""
    head = ["| set | form | elements | default for | units | source |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(_set(sets.load(name).record()) for name in sets.names())])


def _set(about: dict[str, Any]) -> str:
    source = about["source"] + (f", [doi:{about['doi']}](https://doi.org/{about['doi']})" if about["doi"] else "")
    doubt = f". Doubtful: {about['doubtful']}" if about["doubtful"] else ""
    cells = (" ".join(about["elements"]), ", ".join(about["default_for"]), ", ".join(about["units"].values()))
    return f"| `{about['name']}` | `{about['form']}` | {' | '.join(cells)} | {source}{doubt} |"
