"""A web page as a screen reader or a browser takes it apart."""

from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

_VOID = {"meta", "link", "br", "img", "input", "hr", "col", "source", "wbr"}


class Element(NamedTuple):
    """A tag with its attributes, and all text within it."""

    tag: str
    attributes: dict[str, str]
    path: tuple[str, ...]  # the tags around it, from the outermost
    text: list[str]
    around: tuple["Element", ...] = ()

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
        one = Element(tag, {k: v or "" for k, v in attrs}, tuple(e.tag for e in self._open), [], tuple(self._open))
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


def unreadable(page: Page) -> list[str]:
    """The places of a page at which a screen reader has nothing to say, or loses its way; a line each."""
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    found = [] if page.all("html")[0].attributes.get("lang") else ["no language"]
    found += [f"twice: id {name}" for name in sorted({name for name in ids if ids.count(name) > 1})]
    levels = [int(one.tag[1]) for one in page.elements if one.tag in ("h1", "h2", "h3", "h4", "h5", "h6")]
    if levels[:1] != [1] or levels.count(1) != 1:
        found.append(f"not one h1, at the beginning: {levels}")
    found += [f"a level is left out: {a} {b}" for a, b in pairwise(levels) if b - a > 1]
    for one in page.elements:
        kind = _KINDS.get(one.tag)
        if kind and not _is_hidden(one) and not _name_of(one, page, ids):
            found.append(f"{kind} without words: {one.tag} {one.attributes} {one.words[:60]}")
    scopes = ("col", "row", "colgroup", "rowgroup")
    return found + [f"no scope: {one.words}" for one in page.all("th") if one.attributes.get("scope") not in scopes]


_PICTURES, _CONTROLS = ("svg", "img", "canvas"), ("input", "select", "textarea")
_KINDS = dict.fromkeys(_PICTURES, "picture") | dict.fromkeys(_CONTROLS, "control")
_KINDS |= {"a": "link", "button": "button", "table": "table"}


def _is_hidden(one: Element) -> bool:
    """True for what is there for the eye alone, for parts of a picture, and for a place that is no link."""
    whole = [each.attributes for each in (*one.around, one)]
    hidden = any("hidden" in each or each.get("aria-hidden") == "true" for each in whole)
    hidden |= any("display: none" in each.get("style", "") for each in whole)
    part = one.tag in _PICTURES and any(each.tag in (*_PICTURES, "a", "button", "label") for each in one.around)
    decoration = one.tag == "img" and one.attributes.get("alt") == "" and "role" in one.attributes
    return (
        hidden
        or part
        or decoration
        or one.attributes.get("type") == "hidden"
        or (one.tag == "a" and "href" not in one.attributes)
    )


def _name_of(one: Element, page: Page, ids: list[str]) -> str:
    """The words by which a screen reader calls the element."""
    given = one.attributes.get("aria-label", "")
    target = one.attributes.get("aria-labelledby", "")
    if given or target in ids:
        return given or next(each.words for each in page.elements if each.attributes.get("id") == target)
    inside = [each for each in page.elements if one in each.around]
    if one.tag == "table":
        return " ".join(each.words for each in inside if each.tag == "caption")
    if one.tag in _CONTROLS:
        own = [each for each in one.around if each.tag == "label"]
        return " ".join(
            each.words
            for each in [*own, *page.all("label")]
            if each in own or each.attributes.get("for") == one.attributes.get("id", "-")
        )
    alternatives = [each.attributes.get("alt", "") or each.attributes.get("aria-label", "") for each in (one, *inside)]
    return " ".join(filter(None, [one.words if one.tag not in _PICTURES else "", *alternatives]))
