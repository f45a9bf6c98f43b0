"""The report of minima: of a database or of a file of structures."""

from collections.abc import Sequence

from clusteropt.finding.result import why
from clusteropt.pictures.kinds import of_composition, of_minima
from clusteropt.records.minima import Composition, Course, Minima
from clusteropt.report.columns import ORIGIN, columns, prescreen_columns
from clusteropt.report.page import Page, Section, Table, View
from clusteropt.report.pages.parts import drawn
from clusteropt.report.searches import best_known_words
from clusteropt.report.series import size_columns
from clusteropt.report.tables import Column
from clusteropt.words import counted

_DETAILED = 4  # compositions with pictures of their own
_ROWS, _COURSES = 20, 30  # of tables
_COMPOSITIONS = 200
_CHANCE = "chance of a miss"  # a heading


def page_of(found: Minima, most: int) -> Page:
    """The report: of all compositions together, and of each one apart where there are few."""
    own = found.compositions
    sections = [] if len(own) == 1 else _together(found, most)
    sections += [_apart(one, found, most) for one in own] if len(own) <= _DETAILED else []
    return Page(_title(found), _lead(found), found.missing, sections, found.origin)


def _title(found: Minima) -> str:
    if len(found.compositions) == 1:
        return f"Minima of {found.compositions[0].formula}"
    if found.compositions:
        return f"Minima in {found.source}"
    return f"Sizes in {found.source}" if found.series else found.source


def _lead(found: Minima) -> list[str]:
    total = sum(len(one.levels) for one in found.compositions)
    runs = sum(len(one.courses) for one in found.compositions)
    by = f" by {found.origin.potential}" if found.origin.potential else ""
    first = f"{counted(total, 'minimum')} of {counted(len(found.compositions), 'composition')}{by}"
    searches = f", from {counted(runs, 'search')}" if runs else ""
    said = [f"{first}{searches}, in {found.source}."] if found.compositions else [f"The series in {found.source}{by}."]
    if len(found.compositions) == 1:
        said += _about(found.compositions[0], found)
    return said


def _about(own: Composition, found: Minima) -> list[str]:
    if not own.levels:
        return []
    lowest, unit = own.levels[0], found.units.shown.energy
    group = f", point group {lowest.point_group}" if lowest.point_group else ""
    said = [f"The lowest has {lowest.energy:.6f} {unit}{group}."]
    if own.best_known is not None and own.verdict:
        gap = lowest.energy - own.best_known
        said.append(f"Beside the table of best-known minima: {best_known_words(gap, own.verdict, unit)}.")
    return said + _of_searches(own.courses)


def _of_searches(courses: Sequence[Course]) -> list[str]:
    """The latest chance of a missed minimum, and the latest search by a cheap potential."""
    chances, before = [one.missed for one in courses if one.missed is not None], [one.before for one in courses]
    said = [f"Estimated chance of a missed low minimum: {chances[-1]:.0%}, by the latest search."] if chances else []
    return said + [f"{one[0].upper()}{one[1:]}." for one in [*filter(None, before)][-1:]]


def _together(found: Minima, most: int) -> list[Section]:
    pictures, tables, n = drawn(of_minima(found)), [], len(found.compositions)
    if found.compositions:
        tables.append(Table("Compositions and their lowest minima", _compositions(found)))
    if found.series:
        tables.append(Table("The series of sizes", _told(size_columns(found.series, found.units.shown.energy))))
    said = ["For a report of a single composition, name it with --formula."] if n > _DETAILED else []
    return [Section("All compositions", said, _lowest(found, most), pictures, tables)] if tables else []


def _lowest(found: Minima, most: int) -> View:
    """The lowest structure of each of the first compositions; those of magic sizes, where there are more than `most`."""
    magic = {one.n_atoms for one in found.series if one.magic}
    every = [one.models[0]._replace(title=one.formula) for one in found.compositions if one.models]
    chosen = sorted(range(len(every)), key=lambda k: len(every[k].atoms) not in magic)[:most]
    which = "of magic sizes and of the first others" if magic else "the first"
    said = (
        f"{len(chosen)} of {len(every):,} compositions, {which}."
        if len(chosen) < len(every)
        else "Of each composition."
    )
    return View([every[k] for k in sorted(chosen)], f"Lowest minima. {said}")


def _compositions(found: Minima) -> list[Column]:
    some = found.compositions[:_COMPOSITIONS]
    lowest = [one.levels[0] if one.levels else None for one in some]
    return [
        Column("formula", [one.formula for one in some]),
        Column("minima", [f"{len(one.levels):,}" for one in some], right=True),
        Column(
            f"lowest ({found.units.shown.energy})", [f"{one.energy:.6f}" if one else "-" for one in lowest], right=True
        ),
        Column("point group", [one.point_group or "-" if one else "-" for one in lowest]),
        Column("best known", ["-" if one.best_known is None else f"{one.best_known:.6f}" for one in some], right=True),
    ]


def _apart(own: Composition, found: Minima, most: int) -> Section:
    said, models = _about(own, found) if len(found.compositions) > 1 else [], own.models[:most]
    shown, every = len(models), max(len(own.levels), len(own.models))
    which = (
        "All structures are shown." if shown == every else f"The {shown} lowest of {every:,}: --structures shows more."
    )
    return Section(own.formula, said, View(models, which), drawn(of_composition(own, found.units)), _tables(own, found))


def _tables(own: Composition, found: Minima) -> list[Table]:
    tables, unit = [], found.units.shown.energy
    if own.levels:
        some = own.levels[:_ROWS]
        of = f"The {len(some)} lowest minima of {len(own.levels):,}" if len(some) < len(own.levels) else "All minima"
        every = [*columns(some, unit), *prescreen_columns(some)]
        if all(one.prescreened for one in some):  # which says where each has come from
            every = [one for one in every if one.heading != ORIGIN]
        tables.append(Table(of, _told(every)))
    if own.courses:
        some_runs = own.courses[:_COURSES]
        of = (
            f"The first {len(some_runs)} searches of {len(own.courses):,}"
            if len(some_runs) < len(own.courses)
            else "Searches"
        )
        tables.append(Table(of, _courses(some_runs, unit)))
    return tables


def _told(every: list[Column]) -> list[Column]:
    """The columns that tell something."""
    return [one for one in every if any(str(cell) not in ("", "-", "0") for cell in one.cells)]


def _courses(some: tuple[Course, ...], unit: str) -> list[Column]:
    chances = ["-" if one.missed is None else f"{one.missed:.0%}" for one in some]
    every = [
        Column("seed", [str(one.seed) for one in some], right=True),
        Column(f"lowest ({unit})", [f"{one.energies[-1]:.6f}" if one.energies else "-" for one in some], right=True),
        Column("evaluations to it", [f"{one.evaluations[-1]:,}" if one.energies else "-" for one in some], right=True),
        Column("evaluations", [f"{one.n_evaluations:,}" for one in some], right=True),
        Column(_CHANCE, chances, right=True),
        Column("stopped by", [why(one.stopped_by) or "not ended" for one in some]),
    ]
    return [one for one in every if one.heading != _CHANCE or any(course.missed is not None for course in some)]
