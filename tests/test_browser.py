"""Pages in a browser: they open, ask for nothing, and draw structures. Skipped where there is no Chromium."""

import json
import time

import numpy as np
import pytest
from ase.cluster import Icosahedron
from browser import Page, browser, found
from cli import run
from minima import minimum, opened

from clusteropt.database.records import RunInfo
from clusteropt.pictures.records import Pictured
from clusteropt.report.viewer import viewer_html, viewer_program
from clusteropt.search.found import Found

pytestmark = [pytest.mark.peer, pytest.mark.skipif(found() is None, reason="no Chromium")]
REPORTS = ("minima", "scores")
CANVASES = "[...document.querySelectorAll('canvas[tabindex]')]"
ATTACK = "</script><script>document.title = 'attacked'</script><img src=x onerror=\"document.title = 'attacked'\">"
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


@pytest.fixture(scope="module")
def chromium():
    with browser() as own:
        yield own


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Twelve structures, one of 561 atoms and one with a script for a title."""
    kinds = [("Au", 3), ("Ag", 2), ("Si", 2), ("X", 3), ("Ni", 6), ("Cu", 4)] * 2
    frames = [(element, Icosahedron("Au", shells).positions) for element, shells in kinds]
    cells = [Pictured([e] * len(x), x, f"{k}. {e}{len(x)}", "a note") for k, (e, x) in enumerate(frames, 1)]
    cells[1] = cells[1]._replace(title=ATTACK, note=ATTACK)
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>own</title><meta name="viewport" '
        f'content="width=device-width"><meta http-equiv="Content-Security-Policy" content="{POLICY}"></head>'
        f"<body>{viewer_html(cells)}{viewer_program()}</body></html>",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Reports of five hundred minima of 55 atoms, and of measurements of two optimizers on networks."""
    folder = tmp_path_factory.mktemp("reports")
    with opened(folder / "minima.db", elements=("X",)) as database:
        number = database.begin_run(RunInfo("clusteropt search X55", ("X",) * 55, 1))
        every = [Found(minimum(k, 55), 1 + k % 7, "random start", 100 * k, k / 10) for k in range(500)]
        database.keep(number, every, ["C1"] * 500)
        database.end_run(number, 50_000, 50, "hops")
    about = {"formula": "X13", "optimizer": None, "seen": None, "evaluations": 5000}
    scores = [about | {"method": name, "hits": hits} for name, hits in [("learned", 20), ("basin hopping", 4)]]
    (folder / "scores.json").write_text(json.dumps(scores))
    begin = time.monotonic()
    assert run(folder, "report", "minima.db", "-o", "minima.html").code == 0
    assert time.monotonic() - begin < 10  # five seconds on a machine that does nothing else
    assert run(folder, "report", "scores.json", "-o", "scores.html").code == 0
    return folder


def drawn(page: Page) -> list[str]:
    """How each structure was drawn; empty for one that is out of sight."""
    return page.evaluate(f"{CANVASES}.map(one => one.dataset.drawn || '')")


def pictures(page: Page) -> list[np.ndarray]:
    """The pixels of every structure that is wholly in the window."""
    whole = page.pixels()
    places = page.evaluate(
        f"{CANVASES}.map(one => one.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])"
    )
    inside = [
        [round(at) for at in place] for place in places if place[3] <= len(whole) and place[2] <= len(whole[0]) + 1
    ]
    return [whole[top + 3 : bottom - 3, left + 3 : right - 3] for left, top, right, bottom in inside]


def is_cluster(picture: np.ndarray) -> bool:
    """Colours in many shades in the middle, white in the corners."""
    middle = picture[len(picture) // 3 : -len(picture) // 3, len(picture) // 3 : -len(picture) // 3]
    shades = len(np.unique((middle * 63).astype(int).reshape(-1, 3), axis=0))
    corners = picture[[2, 2, -3, -3], [2, -3, 2, -3]]
    return shades > 30 and bool((corners > 0.98).all())


def differ(one: np.ndarray, other: np.ndarray) -> bool:
    return float(np.abs(one - other).mean()) > 0.005


def settle(page: Page) -> None:
    page.evaluate("new Promise(done => setTimeout(done, 700))")


def test_a_page_opens_and_draws_in_three_seconds_without_errors_and_requests(chromium, page_file):
    page = chromium.page(1280, 900)
    seconds = page.open(page_file)
    page.wait(lambda: drawn(page)[0])
    assert seconds < 3
    page.wait(lambda: all(drawn(page)[:10]))
    assert set(filter(None, drawn(page))) == {"webgl"}
    shown = pictures(page)
    assert len(shown) >= 5
    assert all(map(is_cluster, shown))
    assert page.errors == []
    assert page.requests == [page_file.resolve().as_uri()]
    assert page.evaluate("document.title") == "own"


def test_a_page_fits_a_narrow_window(chromium, page_file):
    page = chromium.page(360, 640, density=2)
    page.open(page_file)
    page.wait(lambda: drawn(page)[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(f"{CANVASES}.at(-1).dataset.drawn || 'later'") == "later"  # out of sight: not drawn yet
    page.evaluate(f"{CANVASES}.at(-1).scrollIntoView()")
    page.wait(lambda: drawn(page)[-1] == "webgl")
    assert page.errors == []


def test_structures_turn_together_by_mouse_and_keys(chromium, page_file):
    page = chromium.page(1280, 900)
    page.open(page_file)
    page.wait(lambda: all(drawn(page)[:10]))
    settle(page)
    before = pictures(page)
    left, top, side = page.evaluate(f"(b => [b.left, b.top, b.width])({CANVASES}[0].getBoundingClientRect())")
    page.drag((left + side / 2, top + side / 2), (left + side / 2 + 40, top + side / 2 + 10))
    settle(page)
    dragged = pictures(page)
    assert all(map(differ, before[:5], dragged[:5]))
    page.press("ArrowDown")
    settle(page)
    assert all(map(differ, dragged[:5], pictures(page)[:5]))
    page.press("0")
    settle(page)
    assert not any(map(differ, before[:5], pictures(page)[:5]))


def test_buttons_change_all_pictures(chromium, page_file):
    page = chromium.page(1280, 900)
    page.open(page_file)
    page.wait(lambda: all(drawn(page)[:10]))
    settle(page)
    before = pictures(page)
    for name in ("labels", "sticks"):
        page.evaluate(f"document.querySelector('[data-does={name}]').click()")
        settle(page)
        assert page.evaluate(f"document.querySelector('[data-does={name}]').ariaPressed") == "true"
        assert differ(before[0], pictures(page)[0])
        page.evaluate(f"document.querySelector('[data-does={name}]').click()")
    assert page.errors == []


def test_without_webgl_discs_are_drawn(page_file):
    with browser("--disable-3d-apis") as own:
        page = own.page(1280, 900)
        page.open(page_file)
        page.wait(lambda: all(drawn(page)[:10]))
        settle(page)
        assert set(filter(None, drawn(page))) == {"discs"}
        assert all(map(is_cluster, pictures(page)))
        assert page.errors == []


def test_without_scripts_the_words_are_there(chromium, page_file):
    page = chromium.page(1280, 900)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.call("Page.navigate", url=page_file.resolve().as_uri())
    page.wait(lambda: page.loaded)
    text = page.call("DOM.getOuterHTML", nodeId=page.call("DOM.getDocument")["root"]["nodeId"])["outerHTML"]
    assert "needs JavaScript" in text
    assert "a note" in text


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_opens_in_three_seconds_in_wide_and_narrow_windows(chromium, reports, name, width):
    page = chromium.page(width, 900)
    assert page.open(reports / f"{name}.html") < 3
    if name == "minima":
        page.wait(lambda: drawn(page)[:2] == ["webgl"] * 2)
        settle(page)
        assert all(map(is_cluster, pictures(page)))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.errors == []
    assert len(page.requests) == 1


def test_a_screen_reader_finds_names_for_what_a_report_shows(chromium, reports):
    page = chromium.page(1280, 900)
    page.open(reports / "minima.html")
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {role: [] for role in ("heading", "button", "table", "image", "img")}
    for node in tree:
        role = node.get("role", {}).get("value")
        if role in named and not node.get("ignored"):
            named[role].append(node.get("name", {}).get("value", ""))
    assert all(name.strip() for names in named.values() for name in names)
    assert len(named["heading"]) >= 5
    assert {"Labels", "Turn back", "Save 1. X55 as XYZ"} <= {*named["button"]}
    assert len(named["table"]) >= 1
    assert len(named["image"] + named["img"]) >= 12


def test_a_lost_context_is_replaced(chromium, page_file):
    page = chromium.page(1280, 900)
    page.open(page_file)
    page.wait(lambda: all(drawn(page)[:10]))
    settle(page)
    before = pictures(page)
    context = "document.querySelector('.clusters-studio canvas')._3dmol_viewer.renderer.getContext()"
    page.evaluate(f"{context}.getExtension('WEBGL_lose_context').loseContext()")
    settle(page)
    page.evaluate(f"{CANVASES}[0].focus()")
    page.press("ArrowRight")
    settle(page)
    after = pictures(page)
    assert all(map(is_cluster, after))
    assert all(map(differ, before[:5], after[:5]))
    assert page.evaluate("document.querySelectorAll('.clusters-studio').length") == 1
