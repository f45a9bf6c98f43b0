"""What the card of a learned optimizer says about its training, and what follows for a cluster at hand."""

from collections.abc import Sequence

from clusteropt.best_known import formula_of
from clusteropt.starts import symbols_of
from clusteropt.weights import LearnedOptimizer


def seen(optimizer: LearnedOptimizer, symbols: Sequence[str]) -> str:
    """What of the cluster was in training: 'trained', 'size unseen' or 'element unseen'."""
    tasks = _tasks(optimizer)
    if formula_of(list(symbols)) in map(formula_of, tasks):
        return "trained"
    return "size unseen" if set(symbols) in map(set, tasks) else "element unseen"


def doubt(optimizer: LearnedOptimizer, symbols: Sequence[str]) -> str:
    """Why the optimizer may be out of its depth, a clause; empty where it is not."""
    sizes = sorted(len(task) for task in _tasks(optimizer) if set(task) == set(symbols))
    name = "-".join(sorted(set(symbols)))
    if not sizes:
        return f"the learned optimizer has not been trained on {name}"
    if not sizes[0] <= len(symbols) <= sizes[-1]:
        range_of = f"{sizes[0]} to {sizes[-1]}" if sizes[0] < sizes[-1] else str(sizes[0])
        return f"the learned optimizer has been trained on {range_of} atoms of {name}, not {len(symbols)}"
    return ""


def trained_on(optimizer: LearnedOptimizer) -> str:
    """The tasks in a line: elements, each with its sizes."""
    sizes: dict[str, set[int]] = {}
    for task in _tasks(optimizer):
        sizes.setdefault("-".join(sorted(set(task))), set()).add(len(task))
    return "; ".join(f"{name} {', '.join(map(str, sorted(own)))}" for name, own in sizes.items()) or "unknown"


def sections(optimizer: LearnedOptimizer) -> list[tuple[str, dict]]:
    """The card's own words: how it was trained, and what it scored."""
    training = {key: value for key, value in optimizer.card.get("training", {}).items() if key != "network"}
    if "seconds" in optimizer.card:
        training["seconds"] = optimizer.card["seconds"]
    if "steps" in optimizer.card and "steps" in training:
        training["steps"] = f"{optimizer.card['steps']} of {training['steps']}"
    hits = {task: f"{share:.0%} of trajectories" for task, share in optimizer.card.get("hits", {}).items()}
    scores = {
        f"{score['formula']} ({score['seen']})": _cost(score["evaluations_per_hit"])
        for score in optimizer.card.get("scores", ())
    }
    found = {"training": training, "hits at the end of training": hits, "scores": scores}
    return [(title, values) for title, values in found.items() if values]


def _cost(evaluations_per_hit: float | None) -> str:
    return "no hit" if evaluations_per_hit is None else f"{evaluations_per_hit:,.0f} evaluations per hit"


def with_scores(optimizer: LearnedOptimizer, scores: Sequence[dict]) -> LearnedOptimizer:
    """The optimizer with those scores, records of `report.score_record`, in its card, in place of older ones of a task."""
    new = {score["formula"]: score for score in scores}
    kept = [score for score in optimizer.card.get("scores", []) if score["formula"] not in new]
    return optimizer._replace(card=optimizer.card | {"scores": [*kept, *new.values()]})


def _tasks(optimizer: LearnedOptimizer) -> list[list[str]]:
    return [symbols_of(task.rpartition(":")[2]) for task in optimizer.card.get("tasks", ())]
