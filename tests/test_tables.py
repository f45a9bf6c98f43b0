"""Tables fit the terminal, the columns that matter first, and nothing that is shown is cut off."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections import Counter
from pathlib import Path

import pytest
from cli import cluster, run, save
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text

from clusteropt.report.tables import Column, fitted, text

WIDTHS = (60, 80, 100, 120, 200)
LETTERS = "abcdefghij-./0123456789"
WORDS = st.text(LETTERS, min_size=1, max_size=60) | st.integers(20, 60).flatmap(
    lambda n: st.text(LETTERS, min_size=n, max_size=n)
)


@st.composite
def tables(draw):
    """One column that is always shown and folds, and others of any rank, in any order."""
    n = draw(st.integers(0, 4))
    columns = [Column("structure", draw(st.lists(WORDS, min_size=n, max_size=n)), folds=True)]
    for k in range(draw(st.integers(0, 7))):
        cells = draw(st.lists(WORDS.map(lambda w: w[:18]), min_size=n, max_size=n))
        heading = f"{draw(st.sampled_from(['gain', 'above best known', 'fmax (epsilon/sigma)']))} {k}"
        columns.append(Column(heading, cells, draw(st.integers(1, 6)), draw(st.booleans()), draw(st.booleans())))
    return draw(st.permutations(columns))


@settings(max_examples=100)
@given(tables(), st.integers(20, 120))
def test_a_table_is_no_wider_than_the_terminal_and_loses_no_character(columns, width):
    lines = text(columns, width).splitlines()
    assert max(map(len, lines)) <= width  # 20 is enough for what is always shown here
    shown = fitted(columns, width)
    table = text([c for c in columns if c.heading in shown], width).splitlines()
    cells = [cell for c in columns if c.heading in shown for cell in (c.heading, *c.cells)]
    assert Counter("".join("".join(table).split())) == Counter("".join("".join(cells).split()))
    note = "".join("".join(lines[len(table) :]).split())
    assert all("".join(c.heading.split()) in note for c in columns if c.heading not in shown)


@given(tables(), st.integers(20, 200))
def test_a_wider_terminal_shows_no_column_less_and_no_less_important_one_before(columns, width):
    narrow, wide = fitted(columns, width), fitted(columns, width + 1)
    assert set(narrow) <= set(wide)
    left_out = [c.rank for c in columns if c.heading not in narrow]
    assert all(c.rank <= min(left_out) for c in columns if c.heading in narrow and left_out)


@given(tables())
def test_in_a_pipe_every_row_is_one_line_and_complete(columns):
    head, *rows = text(columns, None).splitlines()
    assert head.split() == [word for c in columns for word in c.heading.split()]
    assert [row.split() for row in rows] == [list(cells) for cells in zip(*(c.cells for c in columns), strict=True)]


def test_what_is_folded_comes_out_whole_when_its_lines_are_joined():
    name = "a-folder/with-a-rather-long-name/and-a-file-in-it.xyz:12"
    columns = [Column("structure", [name], folds=True), Column("status", [Text("converged", "green")])]
    lines = text(columns, 40).splitlines()
    assert "".join(line[:29].strip() for line in lines[1:]) == name
    assert lines[1].endswith("converged")


def on_terminal(folder: Path, width: int, *arguments: str) -> str:
    """The text that `clusteropt` writes to a terminal of that width, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    outside = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")} | {"TERM": "xterm"}
    command = [sys.executable, "-m", "clusteropt", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=subprocess.PIPE, env=outside)
    os.close(theirs)
    page = b""
    try:
        while piece := os.read(ours, 65536):
            page += piece
    except OSError:  # the terminal has no writer any more
        pass
    finally:
        os.close(ours)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return re.sub(r"\x1b\[[0-9;]*m", "", page.decode()).replace("\r", "")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_sets_of_parameters_fit_every_terminal_with_all_their_names(tmp_path, width):
    page = on_terminal(tmp_path, width, "potentials", "list")
    assert max(map(len, page.splitlines())) <= width
    assert {"gupta-cleri-rosato-hcp", "lj-noble-gases", "(doubtful)"} <= set(page.split())
    assert ("source" in page.splitlines()[0]) == (width >= 200)


@pytest.mark.parametrize("width", [60, 120])
def test_results_on_a_terminal_are_those_in_the_pipe(tmp_path, width):
    folder = tmp_path / "a-folder-of-a-long-name"
    folder.mkdir()
    save(folder / "clusters.xyz", [cluster(number=k) for k in range(2)])
    name = f"{folder.name}/clusters.xyz"
    page = on_terminal(tmp_path, width, "energy", name)
    assert max(map(len, page.splitlines())) <= width
    head, *rows = run(tmp_path, "energy", name).out.splitlines()
    assert [head.split("  ")[0], len(rows)] == ["structure", 2]
    for row in rows:
        assert row.split()[3] in page, "the energy"
    assert {"structure", "energy", "(epsilon)", "status"} <= set(page.split())
    assert ("--wide shows all" in page) == (width == 60)
    whole = on_terminal(tmp_path, width, "energy", name, "--wide")
    assert whole.split() == run(tmp_path, "energy", name).out.split()
