"""`view`: pictures of structures: what is in them, the same bytes for the same structures, and what is refused in words."""

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.cluster import Icosahedron
from ase.db import connect
from ase.io import read
from cli import cluster, clusters, names, run, save
from matplotlib.image import imread
from minima import filled
from minima import found as minimum_found

from clusteropt.commands import view as command
from clusteropt.pictures import notation
from clusteropt.pictures.bodies import Look, bodies
from clusteropt.pictures.clusters import clusters as picture
from clusteropt.pictures.clusters import n_columns
from clusteropt.pictures.raster import image
from clusteropt.pictures.records import Pictured

RED, BLUE = "Cu", "Au"  # two elements with colours that differ


@pytest.fixture
def folder(tmp_path):
    """Structures with and without energies, and what is none."""
    one = cluster("Au", 1, point_group="C2v")
    one.calc = SinglePointCalculator(one, energy=-12.34567)
    save(tmp_path / "one.xyz", one)
    save(tmp_path / "several.xyz", clusters(15, "Au"))
    save(tmp_path / "nowhere.xyz", Atoms("Au4", positions=np.full((4, 3), np.nan)))
    (tmp_path / "notes.xyz").write_text("4\nnothing\nAu 0 0\n")
    return tmp_path


@pytest.fixture(autouse=True)
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def shown(name: str, **given):
    """The structures of a file that the command would draw."""
    return command._read([name], command.ViewSettings(**given), command.ReadingSettings())[0]


def notes(name: str, **given) -> list[str]:
    return [one.picture.note for one in shown(name, **given)]


def pictured(element="Au", shells=2, **more):
    positions = Icosahedron("Au", shells).positions
    return Pictured([element] * len(positions), positions, "title", **more)


def seen(one: Pictured, side=80, **look):
    made = bodies(one, Look(**look))
    return image(made, made.half, side)


@pytest.mark.parametrize(("ending", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_ending_is_the_format_and_the_bytes_are_the_same_each_time(folder, ending, begin):
    for name in ("a", "b"):
        done = run(folder, "view", "one.xyz", "-o", f"{name}.{ending}", "--width", 3)
        assert (done.code, done.out, done.err) == (0, "", f"1 structure drawn in {name}.{ending}\n")
    contents = (folder / f"a.{ending}").read_bytes()
    assert contents.startswith(begin)
    assert contents == (folder / f"b.{ending}").read_bytes()


def test_the_words_of_a_structure_are_formula_energy_and_point_group(folder):
    words = [(one.picture.title, one.picture.note) for name in ("one.xyz", "several.xyz@0") for one in shown(name)]
    assert words == [
        (r"$\mathrm{Au}_{4}$  $C_{2\mathrm{v}}$", "−12.3457 eV"),
        (r"$\mathrm{Au}_{4}$", "several.xyz@0"),
    ]


def test_a_dollar_in_a_file_is_no_mathematics(folder):
    save(folder / "$x^2$.xyz", cluster("Au", 1, point_group="$\\frac$"))
    assert run(folder, "view", "$x^2$.xyz", "-o", "a.svg", "--width", 4).code == 0
    assert notation.group("D5h") == r"$D_{5\mathrm{h}}$"
    assert notation.group("Dinfh") == r"$D_{\infty\mathrm{h}}$"
    assert notation.group("C1") == "$C_{1}$"
    assert notation.formula("Ag30Au") == r"$\mathrm{Ag}_{30}\mathrm{Au}$"
    assert notation.formula("a $b$") == r"a \$b\$"


def test_the_first_structures_are_drawn_and_the_others_counted(folder):
    done = run(folder, "view", "several.xyz", "-o", "all.png", "--width", 4)
    assert done.err == "12 of 15 structures shown: --limit shows more\n12 structures drawn in all.png\n"
    assert (
        run(folder, "view", "several.xyz@3:5", "-o", "two.png", "--width", 3).err == "2 structures drawn in two.png\n"
    )
    assert "15 structures drawn" in run(folder, "view", "several.xyz", "-o", "e.png", "--width", 4, "-n", 20).err


def test_a_database_shows_the_lowest_minima_of_each_formula(folder):
    filled(folder / "a.minima.db", [minimum_found(k) for k in (2, 0, 1)])
    assert run(folder, "view", "a.minima.db", "-o", "all.png", "--width", 4).err == "3 structures drawn in all.png\n"
    assert notes("a.minima.db") == ["−20.0000 ε", "−19.9900 ε", "−19.9800 ε"]
    assert notes("a.minima.db@1") == ["−19.9900 ε"]
    assert notes("a.minima.db", limit=2) == ["−20.0000 ε", "−19.9900 ε"]
    done = run(folder, "view", "a.minima.db", "-o", "none.png", "--formula", "Au38")
    assert done.code == 3
    assert done.complaints == ["clusteropt: a.minima.db: there are no minima of Au38: it holds those of X7"]


def test_a_database_of_ase_is_a_file_of_structures(folder):
    with connect(folder / "ase.db") as database:
        for k in range(3):
            database.write(cluster("Au", k))
    assert run(folder, "view", "ase.db", "-o", "all.png", "--width", 3).err == "3 structures drawn in all.png\n"
    assert notes("ase.db@1") == ["ase.db@1"]
    assert run(folder, "report", "ase.db").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["one.xyz", "-o", "a.jpg"], 2, "a.jpg: pictures are PNG, SVG or PDF: end the name in .png, .svg or .pdf"),
        (["one.xyz", "-o", "one.png", "--rotation", "10"], 2, "--rotation cannot be '10'; allowed: angles in degrees"),
        (["one.xyz", "-o", "a.png", "--rotation", "10x;2y"], 2, "--rotation cannot be '10x;2y'; allowed: angles"),
        (["one.xyz", "-o", "a.png", "--style", "stick"], 2, "--style cannot be 'stick'; did you mean 'sticks'?"),
        (["one.xyz", "-o", "a.png", "--width", "0"], 2, "--width must be between 1 and 100, got 0.0"),
        (["one.xyz", "-o", "none/a.png"], 2, "none/a.png: the folder none does not exist: make it first"),
        (["one.xyz", "-o", "a.png", "--formula", "Au5"], 3, "one.xyz: there is no structure of Au5"),
        (["a.minima.db@3:", "-o", "a.png"], 3, "a.minima.db@3:: there is no structure to draw: check the file"),
        (["nowhere.xyz", "-o", "a.png"], 3, "nowhere.xyz: cannot be drawn: it has no finite positions"),
        (["missing.xyz", "-o", "a.png"], 3, "missing.xyz: no such file: check the name"),
        (["notes.xyz", "-o", "a.png"], 3, "notes.xyz"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(folder, arguments, code, words):
    filled(folder / "a.minima.db", [minimum_found(k) for k in range(3)])
    before = names(folder)
    done = run(folder, "view", *arguments)
    assert done.code == code
    assert len(done.complaints) == 1
    assert words in done.complaints[0]
    assert names(folder) == before


def test_a_damaged_file_does_not_keep_others_from_being_drawn(folder):
    done = run(folder, "view", "missing.xyz", "one.xyz", "-o", "a.png", "--width", 3)
    assert done.code == 3
    assert done.err.splitlines()[1] == "1 structure drawn in a.png"
    assert (folder / "a.png").exists()


def test_an_existing_file_is_not_overwritten_without_force(folder):
    (folder / "a.png").write_text("mine")
    assert run(folder, "view", "one.xyz", "-o", "a.png").code == 2
    assert (folder / "a.png").read_text() == "mine"
    assert run(folder, "view", "one.xyz", "-o", "a.png", "--force", "--width", 3).code == 0


def test_without_a_display_the_option_for_a_file_is_named(folder, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    done = run(folder, "view", "one.xyz")
    assert (done.code, done.err) == (
        2,
        "clusteropt: there is no display for a window: draw into a file, as -o clusters.png\n",
    )


@pytest.mark.parametrize("code", [0, 1])
def test_with_a_display_the_window_of_ase_shows_what_was_read(folder, monkeypatch, code):
    opened = []

    def gui(arguments, **_):
        opened.append((arguments[1:-1], read(arguments[-1], index=":")))
        return subprocess.CompletedProcess(
            arguments,
            code,
            stderr="  ...\nase: error: TclError: no display\nTo get a full traceback, use: ase -T gui ...\n",
        )

    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setattr(command.subprocess, "run", gui)
    done = run(folder, "view", "several.xyz@0:2")
    ((program, frames),) = opened
    assert program == ["-m", "ase", "gui"]
    assert [len(one) for one in frames] == [4, 4]
    words = "clusteropt: `ase gui` did not open a window (TclError: no display): draw into a file, as -o clusters.png\n"
    assert (done.code, done.err) == ((0, "") if code == 0 else (1, words))


def test_what_is_nearer_hides_what_is_behind():
    one = Pictured([RED, BLUE], np.array([[0, 0, 5.0], [0, 0, 0]]), "")
    owner = seen(one, rotation="", keep_axes=True).owner
    assert owner[40, 40] == 0
    assert set(np.unique(seen(one, rotation="180x", keep_axes=True).owner[36:44, 36:44])) == {1}


def test_up_and_right_are_those_of_the_axes():
    one = Pictured([RED, BLUE, "Al"], np.array([[4, 0, 0], [0, 4, 0], [0, 0, 0.0]]), "")
    owner = seen(one, rotation="", keep_axes=True).owner
    rows, columns = ([np.argwhere(owner == k)[:, axis].mean() for k in range(3)] for axis in (0, 1))
    assert columns[0] > columns[2] + 10
    assert rows[1] < rows[2] - 10


def test_a_sphere_has_the_colour_of_its_element_and_is_round():
    drawn = seen(Pictured(["Au"], np.zeros((1, 3)), ""))
    colour = drawn.rgba[drawn.owner == 0][:, :3].mean(0)
    assert colour[0] > colour[1] > 2 * colour[2]  # gold
    assert (drawn.owner == 0).mean() == pytest.approx(np.pi / 4, abs=0.02)
    assert drawn.rgba[0, 0, 3] == 0  # nothing in the corner


def test_what_is_far_is_paler_and_smaller():
    made = bodies(Pictured(["Au", "Au"], np.array([[0, 0, 5.0], [5, 0, 0]]), ""), Look(rotation="", keep_axes=True))
    assert made.radii[0] > made.radii[1]
    drawn = image(made, made.half, 120)
    near, far = (drawn.rgba[drawn.owner == k].mean(0) for k in (0, 1))
    assert far[2] > near[2] + 0.1


def test_sticks_join_neighbours_and_are_seen_between_them():
    made = bodies(pictured("Si"), Look())
    assert len(made.ends) == 42
    assert len(bodies(pictured("Au"), Look()).ends) == 0
    assert len(bodies(pictured("Au"), Look(style="sticks")).ends) == 42
    drawn = image(made, made.half, 120)
    between = (drawn.owner < 0) & (drawn.rgba[..., 3] > 0.5)
    assert 0.02 < between.mean() < 0.4


def test_structures_of_one_composition_have_one_scale_and_others_fill_their_place():
    small, large = pictured("Au"), pictured("Au")._replace(positions=2 * pictured("Au").positions)
    figure = picture([small, large, pictured("Ni", 3)], Look(), 6)
    covered = [(axes.images[0].get_array()[..., 3] > 0.5).mean() for axes in figure.axes]
    assert covered[1] > covered[0]
    assert covered[2] > 0.5


def test_a_grid_has_few_empty_places():
    for count in range(1, 41):
        columns = n_columns(count)
        assert 1 <= columns <= max(5, count**0.5 + 3)
        assert -count % columns <= 4


def test_labels_are_written_on_atoms_in_sight_only():
    line = Pictured(["Au"] * 3, np.array([[0, 0, 6.0], [0, 0, 3], [0, 0, 0]]), "")
    figure = picture([line], Look(rotation="", keep_axes=True, labels=True), 3)
    assert [text.get_text() for text in figure.axes[0].texts] == ["0"]


def test_the_picture_has_the_width_that_is_asked_for(folder):
    run(folder, "view", "several.xyz@:4", "-o", "a.png", "--width", 5, "--columns", 2, "--quiet")
    assert imread(folder / "a.png").shape[1] == pytest.approx(5 / 2.54 * 300, abs=4)


@pytest.mark.parametrize(
    "atoms",
    [
        Atoms("Au"),
        Atoms("X2", positions=[[0, 0, 0], [0, 0, 1]]),
        Atoms("Au2"),
        Atoms("HAu", positions=[[0, 0, 0], [0, 0, 1e6]]),
    ],
    ids=["one atom", "a pair", "two in one place", "far apart"],
)
def test_odd_structures_are_drawn_too(folder, atoms):
    save(folder / "odd.xyz", atoms)
    done = run(folder, "view", "odd.xyz", "-o", "odd.png", "--width", 2, "--labels")
    assert (done.code, done.err) == (0, "1 structure drawn in odd.png\n")
