"""Reports of results: which sections, pictures and tables they have."""

from clusteropt.records.batches import Batch
from clusteropt.records.costs import Costs
from clusteropt.records.minima import Minima
from clusteropt.report.page import Page
from clusteropt.report.pages import batches, costs, minima
from clusteropt.settings.reports import ReportSettings


def page_of(found: Minima | Batch | Costs, settings: ReportSettings) -> Page:
    """The report of any results."""
    if isinstance(found, Minima):
        page = minima.page_of(found, settings.structures)
    else:
        page = batches.page_of(found, settings.structures) if isinstance(found, Batch) else costs.page_of(found)
    return page if settings.title is None else page._replace(title=settings.title)
