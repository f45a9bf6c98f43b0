"""Reports: what they tell of a search and of damage, to those too who hear them, or read them in the dark."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read as frames_of_ase
from cli import cluster, clusters, run, save
from minima import SYMBOLS, found, opened
from webpage import Page, unreadable

from clusteropt.database.database import Database
from clusteropt.database.records import Relaxation, RunInfo
from clusteropt.pictures.batches import beside

DOCS = Path(__file__).parents[1] / "docs"
KINDS = ["a.db", "out", "minima.xyz", "scores.json", "series.json"]


def filled(path, relaxed=True):
    """Three minima of X7 by one search, which missed a low one with a chance of 0.25, relaxed from those of a cheap potential."""
    with opened(path) as database:
        number = database.begin_run(RunInfo("clusteropt search X7", SYMBOLS, 3))
        minima = [found(k, k + 1) for k in range(3)]
        database.keep(number, minima, ["D5h", "C3v", "C1"], ["minimum", "flat", ""])
        if relaxed:
            starts = [Relaxation(str(k), "gupta-cleri-rosato", k + 1, -7.0 + k, 50) for k in range(3)]
            database.note_relaxed(number, [*zip(starts, (one.minimum for one in minima), strict=True)])
        facts = {"missed": 0.25, "calculator": "tblite 9.9", "prescreen": "prescreened by gupta-cleri-rosato, in vain"}
        database.end_run(number, 700, 1.25, "relaxed", facts)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of each kind."""
    folder = tmp_path_factory.mktemp("results")
    filled(folder / "a.db")
    save(folder / "in.xyz", [*clusters(3), cluster("Ar", 9)])
    (folder / "bad.xyz").write_text("nonsense\n")
    save(folder / "minima.xyz", [Atoms(one.symbols, one.positions, info={"energy": -1.0}) for one in clusters(3)])
    assert run(folder, "batch", "in.xyz", "bad.xyz", "-o", "out", "--optimizer", "lbfgs").code == 3
    hits = {"formula": "X13", "optimizer": None, "seen": None, "evaluations": 5000, "method": "learned", "hits": 20}
    (folder / "scores.json").write_text(json.dumps([hits]))
    sizes = [{"n_atoms": n, "second_difference": None, "energy": -float(n), "potential": "lj"} for n in range(5, 9)]
    (folder / "series.json").write_text(json.dumps(sizes))
    return folder


def page_of(folder, results, *options):
    done = run(folder, "report", results, "-o", "page.html", *options)
    assert done.code == 0, done.err
    return Page(folder / "page.html")


@pytest.mark.parametrize("results", KINDS)
def test_a_screen_reader_finds_headings_and_names_for_all_that_a_report_shows(folder, results):
    page = page_of(folder, results)
    assert unreadable(page) == []
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert all(a.attributes["href"][1:] in ids for a in page.all("a")), "links lead to places in the page"
    assert len(page.all("table")) >= 1


@pytest.mark.parametrize("results", KINDS)
def test_no_two_headings_of_a_section_are_the_same(folder, results):
    above = ""
    for one in page_of(folder, results).elements:
        above = one.words if one.tag == "h2" else above
        assert one.tag != "h3" or one.words != above


@pytest.mark.slow
def test_a_screen_reader_finds_headings_and_names_for_all_on_the_site(tmp_path):
    pytest.importorskip("furo")
    pages = ["index.html", "tutorials/cluster.html", "reference/commands/report.html"]
    command = [sys.executable, "-m", "sphinx", "-q", "-n", str(DOCS), str(tmp_path)]
    subprocess.run(command, check=True)
    assert {name: unreadable(Page(tmp_path / name)) for name in pages} == {name: [] for name in pages}


def test_an_unreadable_page_is_told_from_a_readable_one(tmp_path):
    path = tmp_path / "a.html"
    path.write_text(
        "<html><body><h2>a</h2><h4>b</h4><table><tr><th>c</th></tr></table><svg></svg><canvas></canvas><img src=x>"
        '<a href="#x"></a><button></button><input><p id="y"></p><p id="y"></p></body></html>'
    )
    told = unreadable(Page(path))
    for words in (
        "no language",
        "twice: id y",
        "not one h1",
        "a level",
        "table",
        "svg",
        "canvas",
        "img",
        "link",
        "button",
    ):
        assert any(words in line for line in told), words
    assert any("control" in line for line in told)
    assert any("no scope" in line for line in told)


def test_a_report_tells_what_its_search_told(folder):
    page = page_of(folder, "a.db")
    rows = [one.words for one in page.all("tr")]
    assert "Estimated chance of a missed low minimum: 25%, by the latest search." in page.words
    assert "Prescreened by gupta-cleri-rosato, in vain." in page.words
    assert [row for row in rows if "minimum" in row and "-20.000000" in row and "-7.0000000.000000" in row]
    assert [row for row in rows if "flat" in row and "-6.0000001.000000" in row]
    assert [row for row in rows if "25%" in row and "end of the relaxations" in row and row.startswith("3")]
    foot = [one.words for one in page.all("dd")]
    assert any("tblite 9.9" in words for words in foot)
    assert any(words.startswith("lj: ") and "J. E. Jones" in words for words in foot)
    assert any(words.startswith("gupta-cleri-rosato (prescreen): ") and "Cleri" in words for words in foot)


def test_facts_about_runs_come_along_with_a_merge_and_older_files_have_none(folder, tmp_path):
    filled(tmp_path / "b.db", relaxed=False)
    with Database.open(folder / "a.db") as other, Database.like(tmp_path / "c.db", other) as merged:
        assert merged.facts() == {}
        merged.merge(other)
        merged.merge(other)
        assert merged.facts() == other.facts()
        assert [facts["missed"] for facts in merged.facts().values()] == [0.25]


def test_a_search_in_two_levels_reports_both_potentials_and_what_it_has_printed(tmp_path):
    options = [
        "--prescreen",
        "gupta",
        "--calculator",
        "emt",
        "--evaluations",
        "300",
        "--relax",
        "2",
        "--report",
        "r.html",
    ]
    done = run(tmp_path, "search", "Cu4", *options)
    assert done.code == 0, done.err
    page = Page(tmp_path / "r.html")
    told = next(line for line in done.out.splitlines() if line.startswith("prescreened by"))
    assert f"P{told[1:]}." in page.words
    foot = " ".join(one.words for one in page.all("dd"))
    for words in ("emt: K. W. Jacobsen", "gupta-cleri-rosato (prescreen): F. Cleri", "ase 3.", "--calculator emt"):
        assert words in foot
    assert "prescreen energy" in page.words
    assert "status" in [one.words for one in page.all("th")]
    isomers = page_of(tmp_path, "Cu4.isomers.xyz")
    assert [one.words for one in isomers.all("th") if one.words in ("status", "prescreen rank")] == [
        "status",
        "prescreen rank",
    ]


def test_a_batch_is_repeated_by_what_was_typed_and_names_as_slow_only_what_took_evaluations(folder):
    page = page_of(folder, "out")
    assert "clusteropt batch in.xyz bad.xyz -o out --optimizer lbfgs" in [one.words for one in page.all("code")]
    captions = [one.words for one in page.all("caption")]
    last = next(one for one in page.all("table") if "most evaluations" in one.words)
    assert "Structures with the most evaluations" in captions
    assert "bad.xyz" not in last.words
    assert "--structures shows more" not in page.words
    few = page_of(folder, "out", "--structures", "1")
    n = len({str(one.symbols) for one in frames_of_ase(folder / "in.xyz", ":")})
    which = f"of the first 1 of {n} formulas; --structures shows more."
    assert n > 1
    assert f"The lowest structure of each formula, {which}" in few.words


@pytest.mark.parametrize("names", [("in.xyz",), tuple(f"in.xyz@{k}" for k in range(3)) * 300])
def test_a_command_of_many_names_is_kept_with_both_its_ends(folder, tmp_path, names):
    shutil.copy(folder / "in.xyz", tmp_path)
    assert run(tmp_path, "batch", *names, "-o", "out", "--optimizer", "lbfgs").code == 0
    (command,) = [one.words for one in page_of(tmp_path, "out").all("code")]
    assert command.startswith("clusteropt batch in.xyz")
    assert command.endswith("-o out --optimizer lbfgs")
    assert len(command) < 2100
    assert ("..." in command) == (len(names) > 1)


def damaged(path, statement):
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM clusteropt_runs", "3 minima left out, whose searches are not in the file"),
        ("DELETE FROM clusteropt_reached WHERE minimum = 2", "1 minimum left out"),
        ("", "The file is damaged"),
    ],
)
def test_a_damaged_database_whose_minima_can_be_read_is_reported_with_the_damage(folder, tmp_path, statement, words):
    path = Path(shutil.copy(folder / "a.db", tmp_path))
    assert "damaged" not in page_of(tmp_path, "a.db").words
    if statement:
        damaged(path, statement)
    else:
        with closing(sqlite3.connect(path)) as db:
            ((page, size),) = db.execute(
                "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = 'species_index'"
            )
        content = bytearray(path.read_bytes())
        content[(page - 1) * size : page * size] = bytes(size)
        path.write_bytes(content)
    page = page_of(tmp_path, "a.db")
    assert page.headings[1] == "What is missing"
    assert words in page.words


def test_a_damaged_line_of_a_batch_is_left_out_and_said(folder, tmp_path):
    shutil.copytree(folder / "out", tmp_path / "out")
    part = max((tmp_path / "out" / "parts").iterdir(), key=lambda one: one.stat().st_size)
    content = part.read_bytes()
    at = content.rindex(b'"status"')
    part.write_bytes(content[:at] + b"#" * 20 + content[at + 20 :])
    (run_file,) = (tmp_path / "out" / "runs").iterdir()
    run_file.write_text("{")
    (tmp_path / "out" / "results.jsonl").write_text('{"a": 1}\n{"b"')
    page = page_of(tmp_path, "out")
    for words in ("1 result is damaged and left out", "is damaged, which tells of a run", "results.jsonl is damaged"):
        assert words in page.words
    assert "clusteropt batch INPUTS --out out" in page.words


def test_a_file_of_structures_is_read_as_the_options_say_and_other_results_take_none(folder, tmp_path):
    save(tmp_path / "a.xyz", [Atoms("Si2", [[0, 0, 0], [0, 0, 2.0]], cell=[9, 9, 9], pbc=True, info={"energy": -1.0})])
    page = page_of(tmp_path, "a.xyz", "--elements", "Si=Ge", "--no-box")
    assert page.headings[0] == "Minima of Ge2"
    assert "point group" in page.words, "without its box it is a cluster"
    drawn = run(tmp_path, "plot", "radial", "a.xyz", "--elements", "Si=Ge", "--formula", "Ge2", "-o", "p.svg")
    assert drawn.code == 0, drawn.err
    shutil.copy(folder / "a.db", tmp_path)
    done = run(tmp_path, "report", "a.db", "--elements", "X=Ar", "-o", "r.html")
    assert (done.code, "are for files of structures" in done.err) == (2, True), done.err


def colours(block):
    return {name: value.strip() for name, value in re.findall(r"--([a-z]+): (#[0-9a-f]{3,6})\b", block)}


def luminance(colour):
    """Of W3C's guidelines on contrast, https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = np.array([int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_all_words_are_in_contrast_to_the_page_by_day_and_by_night(folder):
    page_of(folder, "a.db")
    style = re.search(r"<style>(.*?)</style>", (folder / "page.html").read_text(), re.DOTALL)[1]
    light, dark = (colours(block) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL))
    assert "@media screen and (prefers-color-scheme: dark)" in style
    assert light.keys() == dark.keys()
    for own in (light, dark):
        for ink in ("ink", "muted", "link"):
            for paper in ("paper", "note"):
                high, low = sorted((luminance(own[ink]), luminance(own[paper])), reverse=True)
                assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper, own)
    assert luminance(dark["paper"]) < luminance(light["paper"])
    assert not re.findall(r"[^-]color: #(?!000)|background: #(?!fff; color: #000)", style), (
        "all other colours follow the scheme"
    )


def test_structures_of_one_size_lie_beside_each_other_where_their_energies_are_alike():
    sizes, values = np.array([5, 5, 5, 5, 6.0]), np.array([-1.0, -1, -1, -0.2, -1])
    places = beside(sizes, values)
    assert np.abs(places - sizes).max() <= 0.4
    assert len({*places[:3]}) == 3
    assert places[3:].tolist() == [5, 6]
    many = beside(np.full(1000, 7.0), np.zeros(1000))
    assert np.abs(many - 7).max() <= 0.4 + 1e-12
    assert len({*many}) == 1000
