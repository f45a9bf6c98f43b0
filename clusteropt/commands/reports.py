"""`clusteropt report` and `clusteropt plot`: reads results of any kind, and writes a page or one picture of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clusteropt.commands.plans import check_picture
from clusteropt.console import complain, say
from clusteropt.errors import ClusterOptError, UsageError, suggest
from clusteropt.records.kinds import BATCH, COSTS, KINDS, MINIMA
from clusteropt.runtime.files import check_writable, stem_of, write_atomically
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.merging import merged
from clusteropt.settings.reports import ReportSettings
from clusteropt.words import listed

if TYPE_CHECKING:
    from clusteropt.gathering.results import Results
    from clusteropt.pictures.kinds import Drawing

_PAGES = (".html", ".htm")
_MARK = b'content="clusteropt '  # in the first lines of a page of ours
_MODELS = 3  # structures that pictures need


class Drawn(NamedTuple):
    """The file of a page or a picture."""

    out: Path
    force: bool = False  # overwrite an existing file
    quiet: bool = False


def report(results: str, given: dict[str, Any], reading: dict[str, Any], drawn: Drawn) -> None:
    """Writes the report. Raises UsageError and InputError for what cannot be read or written."""
    settings = merged(ReportSettings, None, given)
    check_page(drawn.out, drawn.force)
    write_page(results, drawn.out, settings, merged(ReadingSettings, None, reading))
    if not drawn.quiet:
        say(f"report written to {drawn.out}")


def page_for(results: str) -> Path:
    """The usual file of a report of these results."""
    name = "stdin" if results == "-" else stem_of(Path(results).name) or "results"
    return Path(f"{name}.report.html")


def check_page(path: Path, force: bool = False, option: str = "--out") -> None:
    """Raises UsageError where a report cannot be written to that file, or would overwrite one that is none.

    `option` is the one that names the file; where it is --report, nothing overwrites another file.
    """
    if path.suffix not in _PAGES:
        raise UsageError(f"{path}: a report is a web page: end the name in .html")
    ours = _is_ours(path)
    if option == "--report" and path.is_file() and not ours:
        raise UsageError(f"{path}: exists already, and is no report: choose another name with --report")
    check_writable(path, force or ours, option)


def _is_ours(path: Path) -> bool:
    try:
        if path.is_file():
            with path.open("rb") as file:
                return _MARK in file.read(500)
    except OSError:
        pass
    return False


def write_page(
    results: str, path: Path, settings: ReportSettings | None = None, reading: ReadingSettings | None = None
) -> None:
    """Reads the results and writes their report. Raises as `gathering.results.read`, and ClusterOptError for a full disk."""
    wanted = settings or ReportSettings()
    from clusteropt.gathering.results import read
    from clusteropt.report.page import html_of
    from clusteropt.report.pages import page_of

    found = read(results, wanted.formula, max(wanted.structures, _MODELS), reading or ReadingSettings())
    write_atomically(path, html_of(page_of(found, wanted)))


def reported(results: str, path: Path, quiet: bool, formula: str | None = None) -> bool:
    """Writes the report of what a command has just found. False where that failed, which is said; the command goes on."""
    try:
        write_page(results, path, ReportSettings(formula))
    except ClusterOptError as problem:
        complain(f"no report: {problem}")
        return False
    if not quiet:
        say(f"report written to {path}")
    return True


def plot(kind: str, results: str, given: dict[str, Any], reading: dict[str, Any], drawn: Drawn) -> None:
    """Writes one picture, to a path that `drawn` names. Raises UsageError for a kind that these results lack, and as `report`."""
    if kind not in KINDS:
        raise UsageError(f"no picture '{kind}'; {suggest(kind, tuple(KINDS))}")
    settings = merged(ReportSettings, None, given)
    check_picture(drawn.out, drawn.force)
    from clusteropt.gathering.results import read
    from clusteropt.pictures.style import content

    found = read(results, settings.formula, _MODELS, merged(ReadingSettings, None, reading))
    pictures = _pictures(found, kind, results)
    if kind not in pictures:
        has = f"there are {', '.join(pictures)}" if pictures else "there is no other either"
        raise UsageError(f"{results}: no picture '{kind}': {_lacking(found, kind)}: {has}")
    write_atomically(drawn.out, content(pictures[kind](), drawn.out.suffix, f"clusteropt plot {kind}"))
    if not drawn.quiet:
        say(f"{KINDS[kind].shows} Written to {drawn.out}")


def _lacking(found: "Results", kind: str) -> str:
    """The reason why the results do not have that picture."""
    from clusteropt.records.batches import Batch
    from clusteropt.records.costs import Costs

    of = BATCH if isinstance(found, Batch) else COSTS if isinstance(found, Costs) else MINIMA
    wanted = KINDS[kind]
    return f"it needs {wanted.needs}" if wanted.of == of else f"it is of {wanted.of}, and this is {of}"


def _pictures(found: "Results", kind: str, name: str) -> Mapping[str, "Drawing"]:
    """The pictures of the results. Raises UsageError where one of a composition is wanted, and there are several."""
    from clusteropt.pictures import kinds
    from clusteropt.records.batches import Batch
    from clusteropt.records.costs import Costs

    if isinstance(found, Batch):
        return kinds.of_batch(found)
    if isinstance(found, Costs):
        return kinds.of_costs(found)
    own = found.compositions
    if len(own) > 1 and not KINDS[kind].whole:
        some = listed([one.formula for one in own])
        raise UsageError(f"{name}: holds minima of {some}: choose one with --formula")
    return kinds.of_minima(found) | (kinds.of_composition(own[0], found.units) if len(own) == 1 else {})
