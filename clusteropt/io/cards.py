"""The card of a learned optimizer in words: its training and scores, and doubts whether it suits a cluster."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache

from clusteropt.errors import UsageError
from clusteropt.io.best_known import full_formula
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.search.starts import symbols_of


def seen(optimizer: LearnedOptimizer, symbols: Sequence[str], potential: Potential) -> str:
    """Tells whether training has seen the cluster: 'trained', 'size unseen' or 'element unseen'."""
    own, tasks = _problem(symbols, potential), _problems(optimizer)
    if full_formula(own) in map(full_formula, tasks):
        return "trained"
    return "size unseen" if set(own) in map(set, tasks) else "element unseen"


def doubt(optimizer: LearnedOptimizer, symbols: Sequence[str], potential: Potential) -> str:
    """A clause that says why the optimizer may perform badly on the cluster; empty for a cluster within its training."""
    own = _problem(symbols, potential)
    sizes = sorted(len(task) for task in _problems(optimizer) if set(task) == set(own))
    if not sizes:
        unseen = symbols if potential.reduced_set else own
        return f"the learned optimizer has not been trained on {'-'.join(sorted(set(unseen)))}"
    if not sizes[0] <= len(own) <= sizes[-1]:
        range_of = f"{sizes[0]} to {sizes[-1]}" if sizes[0] < sizes[-1] else str(sizes[0])
        atoms = "Lennard-Jones atoms" if own != list(symbols) else f"atoms of {'-'.join(sorted(set(own)))}"
        return f"the learned optimizer has been trained on {range_of} {atoms}, not {len(own)}"
    return ""


def doubts(optimizer: LearnedOptimizer, clusters: Iterable[tuple[str, Sequence[str], Potential]]) -> str:
    """The first doubt about clusters (label, symbols, potential), and the number of other doubtful ones; empty without any."""
    found: dict[tuple[str, str], str] = {}
    doubtful = []
    for label, symbols, potential in clusters:
        kind = full_formula(symbols), potential.name
        if kind not in found:
            found[kind] = doubt(optimizer, symbols, potential)
        if found[kind]:
            doubtful.append((label, found[kind]))
    if not doubtful:
        return ""
    label, why = doubtful[0]
    n_others = len(doubtful) - 1
    verb = "is" if n_others == 1 else "are"
    others = f" ({n_others} more {verb} outside its training as well)" if n_others else ""
    return f"{label}: {why}{others}"


def trained_on(optimizer: LearnedOptimizer) -> str:
    """The training tasks as formulas in one line: grouped by elements, small clusters first."""
    alike: dict[frozenset[str], set[tuple[int, str]]] = {}
    for task in _tasks(optimizer):
        alike.setdefault(frozenset(task), set()).add((len(task), full_formula(task)))
    compositions = [", ".join(formula for _, formula in sorted(own)) for own in alike.values()]
    return "; ".join([*compositions, *_other_tasks(optimizer)]) or "unknown"


def _other_tasks(optimizer: LearnedOptimizer) -> list[str]:
    """The names of tasks that are not compositions."""
    found = []
    for task in map(str, optimizer.card.get("tasks", ())):
        try:
            symbols_of(task.rpartition(":")[2])
        except UsageError:
            found.append(task)
    return found


def sections(optimizer: LearnedOptimizer) -> list[tuple[str, dict]]:
    """The sections of the card, as (title, entries): training, hits at its end, and scores."""
    given = optimizer.card.get("training", {})
    training = {key: value for key, value in given.items() if key != "network" and value not in ("", None)}
    if "seconds" in optimizer.card:
        training["seconds"] = optimizer.card["seconds"]
    if "steps" in optimizer.card and "steps" in training:
        training["steps"] = f"{optimizer.card['steps']} of {training['steps']}"
    hits = {task: f"{share:.0%} of trajectories" for task, share in optimizer.card.get("hits", {}).items()}
    title = "hits at the end of training"
    if "step" in optimizer.card:
        training["shipped"] = f"theta of step {optimizer.card['step']}"
        title = f"hits of {optimizer.card['trajectories']} fresh trajectories"
        last = optimizer.card["last_hits"]
        hits = {task: f"{share} (theta of the last step: {last[task]:.0%})" for task, share in hits.items()}
    scores = {
        f"{score['formula']} ({score['seen']})": _cost(score["evaluations_per_hit"])
        for score in optimizer.card.get("scores", ())
    }
    found = {"training": training, title: hits, "scores": scores}
    return [(title, values) for title, values in found.items() if values]


def _cost(evaluations_per_hit: float | None) -> str:
    return "no hit" if evaluations_per_hit is None else f"{evaluations_per_hit:,.0f} evaluations per hit"


def with_scores(optimizer: LearnedOptimizer, scores: Sequence[dict]) -> LearnedOptimizer:
    """The optimizer with these scores in its card. They replace older scores of the same task.

    A score is the record that `report.results.score_record` makes.
    """
    new = {score["formula"]: score for score in scores}
    kept = [score for score in optimizer.card.get("scores", []) if score["formula"] not in new]
    return optimizer._replace(card=optimizer.card | {"scores": [*kept, *new.values()]})


def _problem(symbols: Sequence[str], potential: Potential) -> list[str]:
    """The symbols of a cluster for the comparison with training tasks.

    Argon counts as X, because Lennard-Jones is the same in reduced units. X of another form counts as another element.
    """
    if potential.reduced_set:
        return ["X"] * len(symbols)
    return [f"X ({potential.name})" if symbol == "X" else symbol for symbol in symbols]


def _problems(optimizer: LearnedOptimizer) -> list[list[str]]:
    """The symbols of each training task, for the same comparison."""
    return [["X"] * len(task) if _is_plain_by_default(tuple(sorted(set(task)))) else task for task in _tasks(optimizer)]


@cache
def _is_plain_by_default(elements: tuple[str, ...]) -> bool:
    try:
        return bool(sets.potential_for(elements).reduced_set)
    except UsageError:  # the card is from a version with a potential for these elements
        return False


def _tasks(optimizer: LearnedOptimizer) -> list[list[str]]:
    """The compositions among the tasks; a task of another package need not be one."""
    found = []
    for task in optimizer.card.get("tasks", ()):
        with suppress(UsageError):
            found.append(symbols_of(task.rpartition(":")[2]))
    return found
