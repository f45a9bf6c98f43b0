"""The pages of the documentation and their blocks, for the scripts and tests that run them."""

import re
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parent
EXAMPLES = DOCS / "examples"
_BLOCK = re.compile(r"^```(\{?[\w-]+\}?)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# (\S+\.(?:py|toml|csv|sh))\n")


class Block(NamedTuple):
    """A block of code, or of what was printed."""

    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The commands of a block of the terminal, without the prompt; a line that ends in a backslash goes on."""
        whole = self.text.replace("\\\n", "")
        return [line.removeprefix("$ ") for line in whole.splitlines() if line.startswith("$ ")]

    @property
    def file(self) -> str:
        """The name in a comment on the first line, of a block that is a file; empty for others."""
        named = _NAME.match(self.text)
        return named[1] if named else ""


def pages() -> list[Path]:
    """All pages, in the order of their paths."""
    return sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in its order."""
    return [Block(language, text) for language, text in _BLOCK.findall(text_of(page))]


def contents(index: Path) -> list[Path]:
    """The pages that an index lists, in its order."""
    (block,) = (one for one in blocks(index) if one.language == "{toctree}")
    return [index.parent / f"{name}.md" for name in block.text.splitlines() if name and not name.startswith(":")]
