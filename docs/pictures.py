"""The pictures of the pages, made anew by the commands beside them.

    python docs/pictures.py [PAGE ...]

runs all that a page shows, in a folder with the examples, and takes over the files that the page shows as pictures. A picture
named `terminal.svg` is what the command before it prints.
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import copy, copytree
from typing import NamedTuple

from pages import DOCS, EXAMPLES, Block, blocks, pages, text_of

README = DOCS.parent / "README.md"
PICTURES = DOCS / "pictures"
_IMAGE = re.compile(r"!\[[^\]]*\]\(([^)]*pictures/[^)]*)\)")
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # which would be fetched from elsewhere
_WIDTH = 118  # columns of a terminal


class Shown(NamedTuple):
    """A picture of a page, and the commands of the last block that has some before it."""

    path: Path
    commands: tuple[str, ...]


def pictures_of(page: Path) -> list[Shown]:
    """The pictures of a page, in its order."""
    text = text_of(page)
    found = [(one.start(), (page.parent / one[1]).resolve()) for one in _IMAGE.finditer(text)]
    return [Shown(path, _commands_before(text[:place])) for place, path in found]


def _commands_before(text: str) -> tuple[str, ...]:
    block = re.findall(r"^```(?:console|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[-1]
    return tuple(re.findall(r"^(?:\$ |.*&& )?(clusteropt .*)$", block, re.MULTILINE))


def draw(page: Path) -> None:
    """Runs the page in a folder of its own, and takes over its pictures. Raises CalledProcessError where a command fails."""
    shown = pictures_of(page)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copytree(EXAMPLES, folder / "docs/examples" if page == README else folder, dirs_exist_ok=True)
        terminals = {one.commands[-1]: one.path for one in shown if one.path.name == "terminal.svg"}
        for command, path in terminals.items():
            _keep(path, terminal(command, folder).encode())
        files = [one.path for one in shown if one.path.name != "terminal.svg"]
        for block in blocks(page):
            if not all((folder / path.name).exists() for path in files):  # nothing more after the last picture
                _run(block, folder)
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            copy(folder / path.name, path)


def _run(block: Block, folder: Path) -> None:
    if block.file:
        (folder / block.file).write_text(block.text, encoding="utf-8")
    elif block.language == "console":
        for line in block.lines:
            subprocess.run(["sh", "-c", line], cwd=folder, env=_environment(), check=True, stdout=subprocess.DEVNULL)


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "COLUMNS": str(_WIDTH), "TERM": "xterm-256color"}


def terminal(command: str, folder: Path) -> str:
    """The output of a command on a terminal, with its colours, as SVG."""
    from rich.console import Console
    from rich.text import Text

    printed = _on_terminal(command, folder)
    with open(os.devnull, "w") as nowhere:
        console = Console(file=nowhere, record=True, width=_WIDTH, force_terminal=True)
        console.print(Text(f"$ {command}", style="bold"))
        console.print(Text.from_ansi(printed))
        return _FONT.sub("", console.export_svg(title="clusteropt", unique_id="clusteropt"))


def _on_terminal(command: str, folder: Path) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["sh", "-c", command], cwd=folder, env=_environment(), stdout=theirs, stderr=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        parts = []
        while part := _read(ours):
            parts.append(part)
    os.close(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return b"".join(parts).decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other side has closed its end
        return b""


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main() -> int:
    """Draws the pictures of the pages that are named, or of all; the exit code is 0."""
    wanted = [Path(name).resolve() for name in sys.argv[1:]] or [README, *pages()]
    for page in wanted:
        if pictures_of(page):
            draw(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
