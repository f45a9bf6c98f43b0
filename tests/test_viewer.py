"""The 3D view of a page: its data, the library that draws it, and the orientation and looks of clusters in pictures."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from ase.cluster import Icosahedron
from ase.data.colors import jmol_colors
from cli import cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from clusteropt.pictures.appearance import bonds, colours, has_directional_bonds, radii
from clusteropt.pictures.orientation import oriented, turned
from clusteropt.report import viewer
from clusteropt.report.viewer import Pictured, viewer_html, viewer_program

FILES = Path(viewer.__file__).parent
LIBRARY = "f7cc78921ae72e7623e89cdd111434f58c2efddd2ffda1cd212644b406fb8016"  # 3Dmol-min.js of 3dmol 2.5.5 (npm)
ATTACK = "</script><script>alert('&')</script><!--\u2028"


class Tags(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(str(page))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def pictured(atoms, title="1. a cluster", note=""):
    return Pictured(atoms.get_chemical_symbols(), atoms.positions, title, note)


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)[1])


def random_cluster(seed: int, n_atoms: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_atoms, 3)) * [3, 2, 1]


def test_the_library_is_the_released_one_with_its_licence():
    assert hashlib.sha256((FILES / "3Dmol-min.js").read_bytes()).hexdigest() == LIBRARY
    assert "University of Pittsburgh" in (FILES / "3Dmol-LICENSE.txt").read_text(encoding="utf-8")


def test_the_program_of_the_view_carries_the_licence_and_asks_for_nothing_outside():
    program = viewer_program()
    assert "THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS" in program
    tags = Tags(program).tags
    assert [tag for tag, _ in tags] == ["style", "script", "script"]
    assert not any(attributes for _, attributes in tags)
    own = (FILES / "viewer.js").read_text(encoding="utf-8") + (FILES / "viewer.css").read_text(encoding="utf-8")
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import\(|innerHTML|eval\(|url\(", own)


def test_words_from_files_stay_words():
    atoms = cluster("Au")
    page = viewer_html([Pictured([ATTACK] * 4, atoms.positions, ATTACK, ATTACK)])
    told = Tags(page)
    assert [tag for tag, _ in told.tags].count("script") == 1
    assert told.text.count(ATTACK) == 2
    assert data_of(page)["cells"][0]["symbols"] == [ATTACK] * 4
    assert data_of(page)["cells"][0]["title"] == ATTACK


def test_the_data_are_the_cluster_turned():
    atoms = Icosahedron("Au", 3)
    cell = data_of(viewer_html([pictured(atoms)]))["cells"][0]
    assert pdist(np.array(cell["at"])) == pytest.approx(pdist(atoms.positions), abs=3e-4)
    assert cell["symbols"] == ["Au"] * 55
    assert len(cell["bonds"]) == 234  # 12 within the first shell, 30 in it, and so on: the Mackay icosahedron
    assert cell["size"] == pytest.approx(np.linalg.norm(cell["at"], axis=1).max() + max(cell["radii"]), abs=1e-3)


def test_the_same_structures_give_the_same_bytes():
    frames = [pictured(cluster("Au", k), f"{k}") for k in range(3)]
    assert viewer_html(frames) == viewer_html(frames)
    assert viewer_html(frames) != viewer_html(frames[::-1])


def test_every_picture_has_a_name_and_the_help():
    told = Tags(viewer_html([pictured(cluster("Au"), "first"), pictured(cluster("Au"), "second")], "lowest"))
    canvases = [attributes for tag, attributes in told.tags if tag == "canvas"]
    assert [one["aria-label"] for one in canvases] == ["3D view of first", "3D view of second"]
    assert {one["aria-describedby"] for one in canvases} == {"lowest-help"}
    assert "lowest-help" in {attributes.get("id") for _, attributes in told.tags}


@pytest.mark.parametrize("positions", [np.full((4, 3), np.nan), np.zeros((0, 3))])
def test_what_cannot_be_drawn_is_said(positions):
    page = viewer_html([Pictured(["Au"] * len(positions), positions, "odd"), pictured(cluster("Au"), "even")])
    assert "No picture" in page
    assert [cell["title"] for cell in data_of(page)["cells"]] == ["even"]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), other=st.integers(0, 10**6))
def test_the_orientation_is_that_of_the_shape(seed, other):
    """A cluster without symmetry looks the same however it was turned, shifted and ordered."""
    positions = random_cluster(seed)
    rng = np.random.default_rng(other)
    order = rng.permutation(len(positions))
    moved = positions[order] @ Rotation.random(random_state=other).as_matrix().T + rng.normal(size=3)
    squares = np.linalg.eigvalsh(np.cov(positions.T))
    leans = np.abs((oriented(positions) ** 3).sum(0)) / (np.abs(oriented(positions)) ** 3).sum(0)
    if np.diff(squares).min() > 0.05 * squares[2] and leans[:2].min() > 0.01:
        assert oriented(moved) == pytest.approx(oriented(positions)[order], abs=1e-8)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n_atoms=st.integers(1, 12))
def test_orientation_is_a_proper_rotation(seed, n_atoms):
    positions = random_cluster(seed, n_atoms)
    found = oriented(positions)
    assert pdist(found) == pytest.approx(pdist(positions))
    assert found.mean(0) == pytest.approx(0, abs=1e-9)
    centred = positions - positions.mean(0)
    if n_atoms > 3:
        assert np.sign(np.linalg.det(found[:3])) == np.sign(np.linalg.det(centred[:3]))


@pytest.mark.parametrize("shape", ["Ih", "line", "disc", "one"])
def test_symmetric_clusters_have_one_orientation(shape):
    """Up to rounding: what is open in the tensor of inertia is settled by the outermost atoms."""
    angles = np.arange(5) * 2 * np.pi / 5
    positions = {
        "Ih": Icosahedron("Au", 2).positions,
        "line": np.outer(np.arange(4), [1, 2, 3]),
        "disc": np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1),
        "one": np.ones((1, 3)),
    }[shape]
    found = oriented(positions)
    noisy = oriented(positions @ Rotation.random(random_state=3).as_matrix() + 1e-9)
    assert np.sort(np.abs(found), axis=0) == pytest.approx(np.sort(np.abs(noisy), axis=0), abs=1e-6)
    assert found.std(0)[2] <= found.std(0)[1] + 1e-9


def test_rotations_follow_each_other_as_in_ase():
    assert turned(np.eye(3), "90x,90y") == pytest.approx(turned(turned(np.eye(3), "90x"), "90y"))
    assert turned(np.eye(3), "") == pytest.approx(np.eye(3))
    for text in ("10", "10w", "x", "nanx", "1x;2y"):
        with pytest.raises(ValueError):  # noqa: PT011  the words are those of Python or ASE
            turned(np.eye(3), text)


def test_atoms_look_as_in_the_window_of_ase():
    assert colours(["Au", "Si"]) == pytest.approx(jmol_colors[[79, 14]])
    assert np.isfinite(colours(["X", "no element"])).all()


@pytest.mark.parametrize("element", ["Au", "Ar", "X"])
def test_neighbours_touch(element):
    atoms = Icosahedron("Au", 2)
    full = radii([element] * 13, atoms.positions)
    assert 2 * full[0] == pytest.approx(pdist(atoms.positions).min(), rel=0.06)
    assert len(bonds(atoms.positions, full)) == 42
    assert radii([element], np.zeros((1, 3)))[0] > 0


def test_sticks_are_for_directional_bonds():
    assert has_directional_bonds(["Si", "Au"])
    assert not has_directional_bonds(["Ag", "Au", "X", "Ar"])
