"""The one style of all pictures, and their files: the same records give the same bytes."""

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

import matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

D = TypeVar("D", bound=Callable[..., Any])
# of M. Okabe and K. Ito, "Color Universal Design" (2008), without the yellow, which is too light for lines
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
MUTED = "#767676"  # 4.5 to 1 against white
ENDINGS = (".png", ".svg", ".pdf")
WIDTH, HEIGHT = 4.8, 3.3  # inches
DPI = 300  # pixels in an inch
_ALIKE = 5  # the ratio of the ends of an axis below which it stays linear
_FEW = 60  # the ratio of the ends of an axis below which 2 and 5 are marked too
_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.linewidth": 0.8,
    "axes.prop_cycle": f"cycler(color={PALETTE})",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.figsize": (WIDTH, HEIGHT),
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "pdf.fonttype": 42,
    "svg.hashsalt": "clusteropt",
    "text.parse_math": False,  # names in files may hold a dollar
}


def colour_of(k: int) -> str:
    """The colour of the k-th of several; they come round again."""
    return PALETTE[k % len(PALETTE)]


def marker_of(k: int) -> str:
    """The marker of the k-th of several; they come round again."""
    return MARKERS[k % len(MARKERS)]


@contextmanager
def in_style(**more: Any) -> Iterator[None]:
    """The style, whatever the user's own settings of matplotlib are, and these beside it."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_STYLE, **more})  # type: ignore[arg-type]  any of its settings
        yield


def styled(draw: D) -> D:
    """A function that draws, in the style."""

    @wraps(draw)
    def drawn(*records: Any) -> Any:
        with in_style():
            return draw(*records)

    return drawn  # type: ignore[return-value]


def content(figure: "Figure", ending: str, title: str) -> bytes:
    """The figure as a file of that ending, one of ENDINGS; the title is among the data about the file, and no time of making."""
    about: dict[str, dict[str, str | None]] = {
        ".png": {"Title": title, "Software": None},
        ".svg": {"Title": title, "Date": None, "Creator": "clusteropt"},
        ".pdf": {"Title": title, "CreationDate": None, "Creator": "clusteropt", "Producer": None},
    }
    page = io.BytesIO()
    with in_style():
        figure.savefig(page, format=ending[1:], dpi=DPI, metadata=about[ending])
    return page.getvalue()


def inline(figure: "Figure", name: str, title: str) -> str:
    """The figure as an SVG element of a web page with a title: its text is text, its ids begin with `name`."""
    page = io.StringIO()
    with in_style(**{"svg.fonttype": "none"}):
        figure.savefig(page, format="svg", metadata={"Date": None, "Creator": None})
    text = page.getvalue()
    width = round(72 * figure.get_figwidth())
    size = f"max-width: {width}pt; min-width: {round(0.6 * width)}pt"  # so small that it can be read: narrow pages scroll it
    head = f'<svg role="img" aria-labelledby="{name}-title" style="{size}" '
    found = re.search(r"<svg [^>]*>", text)
    assert found is not None
    opening = re.sub(r' (?:width|height|xmlns:xlink|version)="[^"]*"', "", found[0]).replace("<svg ", head, 1)
    rest = re.sub(r"<metadata>.*?</metadata>", "", text[found.end() :], count=1, flags=re.DOTALL)
    rest = re.sub(r'(?<= )id="', f'id="{name}-', rest).replace("xlink:href=", "href=")
    rest = re.sub(r'((?:url\(|href=")#)', rf"\1{name}-", rest)
    return f'{opening}<title id="{name}-title">{escape(title)}</title>{rest.strip()}'


def in_powers(axis: Any) -> None:
    """Makes an axis with data logarithmic, marked with powers of ten as text: 10⁵, and 2·10⁵ where there are few powers.

    An axis whose ends are alike stays linear: between them there may be no power.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    least, most = axis.get_minpos(), max(axis.get_data_interval())
    if not math.isfinite(least):  # no positive number is there
        return
    if most < _ALIKE * least:
        axis.set_major_locator(MaxNLocator(4, integer=least >= 1, min_n_ticks=1))
        axis.set_major_formatter(FuncFormatter(_power))
        return
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    low, high = axis.get_view_interval()
    few = low > 0 and high / low < _FEW
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=8))
    axis.set_major_formatter(FuncFormatter(_power))
    axis.set_minor_formatter(NullFormatter())


def _power(value: float, _: int) -> str:
    """10⁵ for 100,000, 2·10⁵ for 200,000; a number of few digits as it is."""
    if 0.01 <= value < 10_000 or value <= 0:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = f"{value / 10**exponent:.3g}"
    power = "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if mantissa == "1" else f"{mantissa}·{power}"


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Places for labels, `gap` apart at least, and as near to the given ascending ones as that allows (least squares)."""
    blocks: list[list[float]] = []  # mean of place - k * gap, and how many labels
    for k, place in enumerate(places):
        blocks.append([place - k * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (b, m), (a, n) = blocks.pop(), blocks.pop()
            blocks.append([(a * n + b * m) / (n + m), n + m])
    flat = [mean for mean, n in blocks for _ in range(int(n))]
    return [place + k * gap for k, place in enumerate(flat)]


def shortened(name: str, most: int = 28) -> str:
    """The name in one line, its middle left out where it is longer than `most` characters."""
    line = " ".join(name.split())
    return line if len(line) <= most else f"{line[: most // 2 - 1]}…{line[-(most // 2) :]}"
