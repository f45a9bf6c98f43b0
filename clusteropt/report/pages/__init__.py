"""Reports of results: which sections, pictures and tables they have."""

from clusteropt.records.batches import Batch
from clusteropt.records.costs import Costs
from clusteropt.records.minima import Minima
from clusteropt.report.page import Page
from clusteropt.report.pages import batches, costs, minima


def page_of(found: Minima | Batch | Costs, title: str | None = None) -> Page:
    """The report of any results, under a title of one's own."""
    if isinstance(found, Minima):
        page = minima.page_of(found)
    else:
        page = batches.page_of(found) if isinstance(found, Batch) else costs.page_of(found)
    return page if title is None else page._replace(title=title)
