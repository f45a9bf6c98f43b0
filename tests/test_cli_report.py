"""`clusteropt report` and `clusteropt plot`: what a page tells, what it refuses, and that files cannot put code into it."""

import json
import re

import numpy as np
import pytest
from ase import Atoms
from cli import cluster, clusters, names, run, save
from minima import SYMBOLS, found, opened
from webpage import Page

from clusteropt.database.records import RunInfo
from clusteropt.records.kinds import KINDS

GROUPS = ["D5h", "C3v", "C2v", "Cs"]
SCRIPT = "<script>alert(1)</script>"
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
ENDS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture
def folder(tmp_path):
    """Four minima of X7 from two searches, one of which has not ended, in a.db."""
    with opened(tmp_path / "a.db") as database:
        for seed, order in ((4, (2, 0, 1)), (5, (3, 2))):
            number = database.begin_run(RunInfo(f"clusteropt search X7 --seed {seed}", SYMBOLS, seed))
            minima = [found(k, k + 1, n_evaluations=100 * (1 + place)) for place, k in enumerate(order)]
            database.keep(number, minima, [GROUPS[k] for k in order])
            if seed == 4:
                database.end_run(number, 700, 1.25, "confirmed")
    return tmp_path


def structures(path, energies=(-3.0, -2.0, -2.5), element="Au", **info):
    """Structures of five atoms with energies, as another program may have written them."""
    frames = []
    for k, energy in enumerate(energies):
        positions = 2.7 * CORNERS + [0.1 * k, 0, 0] * np.eye(5, 1)
        frames.append(Atoms([element] * 5, positions=positions, info={"energy": energy, **info}))
    return save(path, frames)


def reported(folder, results, *options):
    done = run(folder, "report", results, "-o", "r.html", *options)
    assert (done.code, done.out) == (0, ""), done.err
    return Page(folder / "r.html")


def test_a_report_of_a_database_tells_minima_searches_and_how_to_repeat_it(folder):
    page = reported(folder, "a.db")
    assert page.headings == ["Minima of X7", "What is missing", "X7", "How to repeat it"]
    assert "4 minima of 1 composition by lj, from 2 searches, in a.db." in page.words
    assert "1 search in this file has not ended" in page.words
    rows = [[cell.words for cell in page.elements if cell.tag in ("td", "th") and "tbody" in cell.path]]
    assert rows[0][:4] == ["1", "-20.000000", "0.000000", "D5h"]
    for words in ("clusteropt search X7 --seed 4", "clusteropt search X7 --seed 5", "4, 5", "J. E. Jones", "doi:"):
        assert words in page.words
    assert [one.words for one in page.all("h3")][-5:] == [
        KINDS[k].title for k in ("ladder", "hits", "progress", "radial", "coordination")
    ]


def test_the_same_results_give_the_same_bytes_and_the_time_of_making_is_nowhere(folder):
    pages = []
    for _ in range(2):
        reported(folder, "a.db")
        pages.append((folder / "r.html").read_bytes())
    assert pages[0] == pages[1]
    for kind in ("ladder", "radial"):
        for ending in ENDS:
            made = [run(folder, "plot", kind, "a.db", "-o", f"{k}{ending}").code for k in ("a", "b")]
            one, other = ((folder / f"{k}{ending}").read_bytes() for k in ("a", "b"))
            assert (made, one == other, one[: len(ENDS[ending])]) == ([0, 0], True, ENDS[ending])
            assert b"20" + b"2" + b"6-" not in one, "no date"
            for k in ("a", "b"):
                (folder / f"{k}{ending}").unlink()


def test_a_page_needs_no_network(folder):
    page = reported(folder, "a.db")
    text = (folder / "r.html").read_text()
    assert not page.all("link") + page.all("img") + page.all("iframe")
    assert not [one for one in page.elements if {"src", "srcset", "data"} & {*one.attributes}]
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    outside = {v for one in page.elements for k, v in one.attributes.items() if "//" in v and k != "xmlns"}
    assert not outside


@pytest.mark.parametrize("where", ["comment", "potential", "point_group", "file"])
def test_text_from_files_is_text_and_no_code(tmp_path, where):
    name = "<img src=x onerror=alert(1)>.xyz" if where == "file" else "a.xyz"
    info = {where: SCRIPT} if where != "file" else {}
    structures(tmp_path / name, origin=f'{SCRIPT}" onload="x', **info)
    before = {one.tag for one in reported(structures(tmp_path / "plain.xyz").parent, "plain.xyz").elements}
    scripts = len(Page(tmp_path / "r.html").all("script"))
    page = reported(tmp_path, name)
    assert {one.tag for one in page.elements} == before
    assert len(page.all("script")) == scripts
    assert not [k for one in page.elements for k in one.attributes if k.startswith("on")]
    assert SCRIPT in page.words, "it is there, as text"


def test_structures_are_ranked_by_energy_and_damaged_ones_are_named(tmp_path):
    path = structures(tmp_path / "a.xyz")
    path.write_text(path.read_text() + "5\nProperties=species:S:1:pos:R:3\nAu 0 0 nonsense\n")
    page = reported(tmp_path, "a.xyz")
    assert "What is missing" in page.headings
    cells = [one.words for one in page.elements if one.tag in ("th", "td") and "tbody" in one.path]
    energies = [float(cell) for cell in cells if re.fullmatch(r"-\d\.\d{6}", cell)]
    assert energies == [-3.0, -2.5, -2.0]


def test_atoms_at_one_place_have_no_point_group_and_are_no_error(tmp_path):
    save(tmp_path / "a.xyz", [Atoms("Au4", np.zeros((4, 3)), info={"energy": -1.0}), Atoms("Au", info={"energy": 0.0})])
    assert "-1.000000" in reported(tmp_path, "a.xyz").words


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """A batch with 55 files of which nothing can be read, and four structures."""
    folder = tmp_path_factory.mktemp("batch")
    save(folder / "in.xyz", [*clusters(3), cluster("X", 9, note=SCRIPT)])
    for k in range(55):
        (folder / f"<b>{k:02}.xyz").write_text("nonsense\n")
    done = run(
        folder, "batch", "in.xyz", *sorted(p.name for p in folder.glob("<b>*")), "-o", "out", "--optimizer", "lbfgs"
    )
    assert done.code == 3
    return folder


def test_a_report_of_a_batch_counts_and_names_the_first_fifty_failures(batch):
    page = reported(batch, "out")
    assert page.headings[:4] == ["Batch out", "Status", "Failures", "Energies"]
    assert "4 of 59 structures converged, 55 structures did not." in page.words
    reasons = [one.words for one in page.all("th") if one.words.startswith("<b>") and one.attributes["scope"] == "row"]
    assert len([*dict.fromkeys(reasons)]) >= 50
    assert "5 structures more; `clusteropt status --json` names all of them." in page.words
    assert "--optimizer lbfgs" in page.words
    assert not page.all("b"), "the names of files are text"


def test_a_batch_under_way_is_reported_as_far_as_it_has_come(batch, tmp_path):
    (tmp_path / "out" / "parts").mkdir(parents=True)
    for name in ("batch.json", "inputs.jsonl"):
        (tmp_path / "out" / name).write_bytes((batch / "out" / name).read_bytes())
    page = reported(tmp_path, "out")
    assert "59 structures without a result yet" in page.words
    (tmp_path / "out" / "inputs.jsonl").unlink()
    assert "has not listed its structures yet" in reported(tmp_path, "out").words
    part = next((batch / "out" / "parts").iterdir())
    (tmp_path / "out" / "parts" / part.name).write_bytes(part.read_bytes()[:-20])
    (tmp_path / "out" / "inputs.jsonl").write_bytes((batch / "out" / "inputs.jsonl").read_bytes())
    assert "1 file with results is damaged" in reported(tmp_path, "out").words


def scores(path):
    """The output of `evaluate --json`, of two methods on a task, one without a hit."""
    about = {"formula": "X13", "optimizer": None, "seen": None, "evaluations": 5000}
    path.write_text(json.dumps([about | {"method": "learned", "hits": 20}, about | {"method": SCRIPT, "hits": 0}]))
    return path.name


def test_a_report_of_scores_has_intervals_beside_the_baselines(tmp_path):
    page = reported(tmp_path, scores(tmp_path / "scores.json"))
    assert "2 methods on 1 task" in page.words
    assert "250" in page.words
    assert "∞" in page.words
    assert not page.all("script")


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda p: p.mkdir(), 2, "holds no batch"),
        (lambda p: p.write_bytes(b""), 3, "empty"),
        (lambda p: p.write_text("[1, 2]"), 3, "holds no list of scores"),
        (lambda p: p.write_text('[{"a": 1}]'), 3, "holds results of another command"),
        (lambda p: p.write_text('[{"n_atoms": "x", "second_difference": 1, "energy": 1}]'), 3, "damaged or foreign"),
        (lambda p: p.write_bytes(b"SQLite format 3\0" + b"x" * 200), 3, "not a database"),
        (lambda p: p.write_text("{"), 3, "is no JSON that can be read"),
        (lambda p: None, 3, "no such file"),
    ],
)
def test_what_is_no_result_is_refused_in_one_line(tmp_path, make, code, words):
    make(tmp_path / "given")
    done = run(tmp_path, "report", "given", "-o", "r.html")
    assert (done.code, len(done.complaints)) == (code, 1), done.err
    assert words in done.err
    assert "r.html" not in names(tmp_path)


def test_a_damaged_database_is_refused_in_one_line(folder):
    content = bytearray((folder / "a.db").read_bytes())
    for at in range(4096, len(content), 64):
        content[at : at + 32] = b"\xff" * 32
    (folder / "b.db").write_bytes(content)
    done = run(folder, "report", "b.db", "-o", "r.html")
    assert (done.code, len(done.complaints)) == (3, 1), done.err


def test_a_page_of_ones_own_is_not_overwritten_and_a_report_is(folder):
    (folder / "r.html").write_text("<p>mine</p>")
    assert run(folder, "report", "a.db", "-o", "r.html").code == 2
    assert run(folder, "report", "a.db", "-o", "r.html", "--force").code == 0
    assert run(folder, "report", "a.db", "-o", "r.html").code == 0
    done = run(folder, "report", "a.db", "-o", "r.pdf")
    assert (done.code, "end the name in .html" in done.err) == (2, True)
    assert run(folder, "report", "a.db").code == 0
    assert "a.report.html" in names(folder)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("laddre", "a.db", "-o", "p.png"), "did you mean 'ladder'?"),
        (("status", "a.db", "-o", "p.png"), "it is of the folder of a batch, and this is a database of minima"),
        (("segregation", "a.db", "-o", "p.png"), "it needs a cluster of two elements or more, whose atoms"),
        (("mixing", "a.db", "-o", "p.png"), "needs the energies of both pure clusters"),
        (("series", "a.db", "-o", "p.png"), "there are ladder, hits, progress, radial, coordination"),
        (
            ("hits", "bare.xyz", "-o", "p.png"),
            "needs how often minima were reached, which the database of a search tells",
        ),
        (("progress", "bare.xyz", "-o", "p.png"), "needs the course of a search"),
        (("ladder", "a.db", "-o", "p.gif"), "end the name in .png, .svg or .pdf"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused_and_the_reason_is_said(folder, options, words):
    structures(folder / "bare.xyz")
    done = run(folder, "plot", *options)
    assert (done.code, words in done.err) == (2, True), done.err


def test_every_kind_of_picture_can_be_drawn(folder, batch, tmp_path):
    alloy = [Atoms(f"Ag{5 - k}Au{k}" if 0 < k < 5 else ("Ag5", "Au5")[k // 5], 2.7 * CORNERS) for k in range(6)]
    for k, atoms in enumerate(alloy):
        atoms.info["energy"] = -10.0 - k - (k == 3)
    save(folder / "alloy.xyz", alloy)
    save(folder / "one.xyz", alloy[2])
    save(folder / "sizes.xyz", [Atoms(f"Au{n}", 2.7 * CORNERS[:n], info={"energy": -n * 1.5}) for n in range(2, 6)])
    (folder / "net.json").write_text(
        json.dumps(
            [
                {"task": "net:a", "optimizer": "adam", "steps": n, "training": 1 / n, "training_interval": [0, 1]}
                for n in (1, 10)
            ]
        )
    )
    of = dict.fromkeys(("ladder", "hits", "progress", "radial", "coordination"), "a.db")
    of |= {"segregation": "one.xyz", "mixing": "alloy.xyz", "series": "sizes.xyz", "networks": "net.json"}
    of |= {"scores": scores(folder / "s.json"), **dict.fromkeys(("status", "energies", "slowest"), str(batch / "out"))}
    assert of.keys() == KINDS.keys()
    for kind, results in of.items():
        done = run(folder, "plot", kind, results, "-o", f"{kind}.svg")
        assert done.code == 0, done.err
        assert "<svg" in (folder / f"{kind}.svg").read_text()


def test_a_search_and_a_batch_write_their_reports_at_the_end(tmp_path):
    few = ["--evaluations", "300", "--confirm", "0"]
    done = run(tmp_path, "search", "X5", *few, "--report", "s.html")
    assert (done.code, "report written to s.html" in done.err) == (0, True), done.err
    assert Page(tmp_path / "s.html").headings[0] == "Minima of X5"
    save(tmp_path / "in.xyz", clusters(2))
    done = run(tmp_path, "batch", "in.xyz", "-o", "out", "--optimizer", "lbfgs", "--report", "b.html")
    assert (done.code, "report written to b.html" in done.err) == (0, True), done.err
    assert Page(tmp_path / "b.html").headings[0] == "Batch out"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "X5", "--report", "r.html", "--no-db"), "--no-db wants none"),
        (("search", "X5", "X6", "--report", "r.html"), "name one for all formulas with --db"),
        (("search", "X5", "--report", "r.txt"), "end the name in .html"),
        (
            ("search", "X5", "--report", "own.html"),
            "own.html: exists already, and is no report: choose another name with --report",
        ),
        (("batch", "in.xyz", "-o", "out", "--report", "own.html"), "is no report: choose another name with --report"),
        (("batch", "in.xyz", "-o", "out", "--report", "r.html", "--dry-run"), "drop --report"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_any_work(tmp_path, arguments, words):
    (tmp_path / "own.html").write_text("a page of one's own")
    done = run(tmp_path, *arguments)
    assert (done.code, words in done.err) == (2, True), done.err
    assert names(tmp_path) == {"own.html"}


@pytest.mark.parametrize("at", [np.nan, 1e200, 1e-200])
def test_atoms_at_places_that_cannot_be_drawn_are_no_error(tmp_path, at):
    places = CORNERS.copy()
    places[0, 0] = at
    save(tmp_path / "a.xyz", [Atoms("Au5", places, info={"energy": -1.0, "times_reached": 3})])
    assert "-1.000000" in reported(tmp_path, "a.xyz").words
