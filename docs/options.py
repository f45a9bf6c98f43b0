"""The tables of options in the documentation, made from the program.

    python docs/options.py

writes them anew, between the lines `<!-- options of minimize -->` and `<!-- end of options -->` of each page;
`<!-- options of batch beyond minimize -->` leaves out those that `minimize` has too.
"""

import re
import sys
from pathlib import Path
from typing import Any

import typer

from clusteropt.cli import app

PAGES = sorted(Path(__file__).parent.rglob("*.md"))
_PLACE = re.compile(r"(<!-- options of ([a-z ]+?)(?: beyond ([a-z ]+))? -->\n).*?(<!-- end of options -->)", re.DOTALL)
_NOTES = re.compile(r"(.*?) \[dim\]\\\[(.*)\]\[/dim\]")  # as cli.flags writes unit, range and default


def page_with_tables(text: str) -> str:
    """The page, its tables as the program has them now."""
    return _PLACE.sub(lambda place: f"{place[1]}{table(place[2], place[3])}\n{place[4]}", text)


def table(command: str, beyond: str | None = None) -> str:
    """The options of a command, without those of the command `beyond`."""
    known = {} if beyond is None else _options(beyond)
    rows = [
        _row(option)
        for name, option in _options(command).items()
        if name not in known or option.help != known[name].help
    ]
    return "\n".join(["| option | meaning | unit, range, default |", "|---|---|---|", *rows])


def _options(command: str) -> dict[str, Any]:
    """The options of a command by name, as Typer has them."""
    found: Any = typer.main.get_command(app)
    for word in command.split():
        found = found.commands[word]
    return {each.name: each for each in found.params if each.param_type_name == "option" and each.name != "help"}


def _row(option: Any) -> str:
    parts = _NOTES.fullmatch(option.help)
    meaning, notes = (parts[1], parts[2]) if parts else (option.help, _default(option))
    flags = ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts) if flag.strip())
    return f"| {flags} | {meaning} | {notes} |".replace("<", "\\<").replace("\\[", "[")


def _default(option: Any) -> str:
    """The default of an option that is no setting; that of a switch goes without saying."""
    if isinstance(option.default, bool | None) or callable(option.default):
        return ""
    return f"default: {option.default}"


def main() -> int:
    """Rewrites the pages; the exit code is 0."""
    for page in PAGES:
        page.write_text(page_with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
