"""A web page as a screen reader or a browser takes it apart."""

from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

_VOID = {"meta", "link", "br", "img", "input", "hr"}


class Element(NamedTuple):
    """A tag with its attributes, and all text within it."""

    tag: str
    attributes: dict[str, str]
    path: tuple[str, ...]  # the tags around it, from the outermost
    text: list[str]

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


class Page(HTMLParser):
    """The elements of a page in their order. Tags that do not match fail the test."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._open, f"not closed: {[one.tag for one in self._open]}"

    def handle_starttag(self, tag, attrs):
        one = Element(tag, {k: v or "" for k, v in attrs}, tuple(e.tag for e in self._open), [])
        self.elements.append(one)
        if tag not in _VOID:
            self._open.append(one)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop().tag == tag

    def handle_data(self, data):
        for one in self._open:
            one.text.append(data)

    def all(self, tag: str) -> list[Element]:
        return [one for one in self.elements if one.tag == tag]

    @property
    def words(self) -> str:
        """All text but that of scripts and styles."""
        return " ".join(
            one.words for one in self.elements if one.tag in ("h1", "h2", "h3", "p", "li", "dd", "td", "th", "caption")
        )

    @property
    def headings(self) -> list[str]:
        return [one.words for one in self.elements if one.tag in ("h1", "h2")]
