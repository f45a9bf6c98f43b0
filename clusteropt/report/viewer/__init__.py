"""The interactive 3D view of a page: structures side by side, drawn by 3Dmol.js, which lies beside this file.

N. Rego and D. Koes, Bioinformatics 31, 1322 (2015), doi:10.1093/bioinformatics/btu829.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from clusteropt.pictures.appearance import BALL, STICK, bonds, colours, has_directional_bonds, radii
from clusteropt.pictures.orientation import TILT, oriented, turned
from clusteropt.pictures.records import Pictured

__all__ = ["Pictured", "viewer_html", "viewer_program"]
_HERE = Path(__file__).parent
_UNSAFE = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def viewer_html(structures: Sequence[Pictured], name: str = "structures") -> Markup:
    """The part of a page with the structures side by side, all in the orientation of their principal axes.

    `name` tells several such parts of a page apart. The page also needs `viewer_program`, once.
    """
    cells = [_cell(one) for one in structures]
    kinds = {symbol: _kind(symbol) for one in structures for symbol in sorted(set(one.symbols))}
    data = {"kinds": kinds, "cells": [one for one in cells if one], "ball": BALL, "stick": STICK}
    page = _environment().get_template("viewer.html")
    told = zip(structures, cells, strict=True)
    return Markup(page.render(name=name, cells=[(one, cell is not None) for one, cell in told], data=_embedded(data)))


@cache
def viewer_program() -> Markup:
    """Style and scripts of the view, to be put into a page once, after all parts of `viewer_html`."""
    style, library, own = (_text(name) for name in ("viewer.css", "3Dmol-min.js", "viewer.js"))
    notice = _text("3Dmol-LICENSE.txt").replace("*/", "* /")
    scripts = (f"/*\n{notice}*/\n{library}", own)
    whole = "".join(f"<script>\n{_within_script(script)}\n</script>\n" for script in scripts)
    return Markup(f"<style>\n{style}</style>\n{whole}")


def _within_script(code: str) -> str:
    """The code, in which nothing ends the script element."""
    return code.replace("</script", r"<\/script").replace("<!--", r"<\!--")


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _embedded(data: dict[str, Any]) -> Markup:
    """The data as JSON that is safe within a script element."""
    return Markup(json.dumps(data, separators=(",", ":"), allow_nan=False).translate(_UNSAFE))


def _kind(symbol: str) -> str:
    """The colour of an element."""
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in colours([symbol])[0])


def _cell(one: Pictured) -> dict[str, Any] | None:
    """The entry of a structure for the script; None where it cannot be drawn."""
    if not one.is_drawable:
        return None
    positions = np.asarray(one.positions, float)
    at, full = turned(oriented(positions), TILT), radii(one.symbols, positions)
    return {
        "title": one.title,
        "symbols": list(one.symbols),
        "at": np.round(at, 4).tolist(),
        "radii": np.round(full, 3).tolist(),
        "sticks": has_directional_bonds(one.symbols),
        "bonds": bonds(at, full).tolist(),
        "size": round(float(np.max(np.linalg.norm(at, axis=1) + full)), 3),
    }
