"""Distributes a batch over shards: the same way in every process, and with about equal work for each shard."""

import heapq
from collections import Counter
from collections.abc import Sequence

from clusteropt.batch.items import Item
from clusteropt.batch.job import Shard
from clusteropt.search.observer import cost
from clusteropt.words import counted


def share(items: Sequence[Item], shard: Shard) -> list[Item]:
    """The items of one shard. Each item in turn goes to the shard with the least work so far.

    Equal structures go to the same shard.
    """
    if shard.total == 1:
        return list(items)
    loads = [(0.0, k) for k in range(1, shard.total + 1)]
    of: dict[str, int] = {}
    for item in items:
        if item.key not in of:
            load, number = loads[0]
            heapq.heapreplace(loads, (load + cost(item.n_atoms), number))
            of[item.key] = number
    return [item for item in items if of[item.key] == shard.number]


def difference_of(before: Sequence[str], now: Sequence[str]) -> tuple[int, str] | None:
    """The first index at which two lists of keys differ, and the kind of difference in words; None for equal lists."""
    if before == now:
        return None
    places = (k for k, (old, new) in enumerate(zip(before, now, strict=False)) if old != new)
    first = next(places, min(len(before), len(now)))
    if len(before) != len(now):
        return first, f"{counted(len(now), 'structure')}, {len(before):,} before"
    other = (Counter(now) - Counter(before)).total()
    return first, f"other contents in {other:,} of {counted(len(now), 'structure')}" if other else "another order"
