"""The tables of options in the documentation, made from the program, and what `interface` makes from the Python interface.

    python docs/options.py

writes them anew, between the lines `<!-- options of minimize -->` and `<!-- end of options -->` of each page;
`<!-- options of batch beyond minimize -->` names those that mean the same for `minimize`, and tells of the others.
"""

import re
import sys
import textwrap
from typing import Any

import interface
import typer
from pages import pages, text_of

from clusteropt.cli import app

_PLACE = re.compile(r"(<!-- options of ([a-z ]+?)(?: beyond ([a-z ]+))? -->\n).*?(<!-- end of options -->)", re.DOTALL)
_NOTES = re.compile(r"(.*?) \[dim\]\\\[(.*)\]\[/dim\]")  # as cli.flags writes unit, range and default


def page_with_tables(text: str) -> str:
    """The page, its tables as the program has them now."""
    text = _PLACE.sub(lambda place: f"{place[1]}{table(place[2], place[3])}\n{place[4]}", text)
    return interface.with_interface(text)


def table(command: str, beyond: str | None = None) -> str:
    """The options of a command; of those that mean the same for the command `beyond`, the names alone."""
    known = {} if beyond is None else options_of(beyond)
    own = options_of(command)
    shared = [name for name, option in own.items() if name in known and option.help == known[name].help]
    rows = [_row(option) for name, option in own.items() if name not in shared]
    head = ["| option | meaning | unit, range, default |", "|---|---|---|"] if rows else []
    return "\n".join([*_named(own, shared, beyond), *[""] * bool(shared and rows), *head, *rows])


def commands() -> list[str]:
    """The commands that have options, those of groups in two words."""
    found: Any = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    several = [(name, getattr(one, "commands", None)) for name, one in found.items()]
    names = [f"{name} {more}" for name, group in several for more in (group or [""])]
    return [name.strip() for name in names if options_of(name)]


def _named(options: dict[str, Any], names: list[str], other: str | None) -> list[str]:
    if not names:
        return []
    flags = ", ".join(f"`{_flags(options[name])[0]}`" for name in names)
    page = f"{(other or '').split()[0]}.md#options"
    return textwrap.wrap(f"As for [`{other}`]({page}): {flags}.", 100, break_on_hyphens=False, break_long_words=False)


def options_of(command: str) -> dict[str, Any]:
    """The options of a command by name, as Typer has them."""
    found: Any = typer.main.get_command(app)
    for word in command.split():
        found = found.commands[word]
    shown = [each for each in found.params if each.param_type_name == "option" and not each.hidden]
    return {each.name: each for each in shown if each.name != "help"}


def _flags(option: Any) -> list[str]:
    return [flag for flag in (*option.opts, *option.secondary_opts) if flag.strip()]


def _row(option: Any) -> str:
    parts = _NOTES.fullmatch(option.help)
    meaning, notes = (parts[1], parts[2]) if parts else (option.help, _default(option))
    flags = ", ".join(f"`{flag}`" for flag in _flags(option))
    return f"| {flags} | {meaning} | {notes} |".replace("<", "\\<").replace("\\[", "[")


def _default(option: Any) -> str:
    """The default of an option that is no setting; that of a switch goes without saying."""
    if isinstance(option.default, bool | None) or callable(option.default):
        return ""
    return f"default: {option.default}"


def main() -> int:
    """Rewrites the pages; the exit code is 0."""
    for page in pages():
        page.write_text(page_with_tables(text_of(page)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
