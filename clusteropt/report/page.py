"""A report as one web page that needs no network: text, tables, pictures as SVG, and a 3D view."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clusteropt import __version__
from clusteropt.records.minima import Model
from clusteropt.records.origin import Origin
from clusteropt.report.tables import Column
from clusteropt.report.viewer import Pictured, viewer_html, viewer_program

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GENERATOR = f'<meta name="generator" content="clusteropt {__version__}">'  # by which a repeated report knows its file


class Picture(NamedTuple):
    """A figure with its title and its caption."""

    figure: "Figure"
    title: str
    caption: str


class Table(NamedTuple):
    """A table with its caption; the first column names the rows."""

    caption: str
    columns: Sequence[Column]


class View(NamedTuple):
    """Structures side by side, to be turned."""

    models: Sequence[Model]
    remark: str  # which structures they are


class Section(NamedTuple):
    """A part of a page; what is empty is left out."""

    heading: str
    paragraphs: Sequence[str] = ()
    view: View | None = None
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


class Page(NamedTuple):
    """A whole report."""

    title: str
    lead: Sequence[str]
    missing: Sequence[str]
    sections: Sequence[Section]
    origin: Origin

    @property
    def has_view(self) -> bool:
        """True where a section shows structures."""
        return any(one.view is not None and one.view.models for one in self.sections)


@cache
def _environment() -> Environment:
    own = Environment(
        loader=PackageLoader("clusteropt", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own.globals.update(svg=_svg, view=_view, rows=_rows, numeric=_numeric, program=viewer_program)
    return own


def html_of(page: Page) -> str:
    """The page. The same records give the same text."""
    return _environment().get_template("page.html").render(page=page, generator=Markup(GENERATOR), version=__version__)


def _svg(picture: Picture, name: str) -> Markup:
    from clusteropt.pictures.style import inline

    return Markup(inline(picture.figure, name, f"{picture.title}: {picture.caption}"))  # matplotlib escapes its texts


def _view(view: View, name: str) -> Markup:
    models = [
        Pictured(one.atoms.get_chemical_symbols(), one.atoms.positions, one.title, one.note) for one in view.models
    ]
    return viewer_html(models, name)


def _rows(table: Table) -> list[tuple[str, ...]]:
    return [tuple(map(str, cells)) for cells in zip(*(one.cells for one in table.columns), strict=True)]


def _numeric(column: Column) -> str:
    return "number" if column.right else ""
