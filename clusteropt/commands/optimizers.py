"""`clusteropt optimizers`: lists the learned optimizers, or shows one of them in detail."""

import json
from dataclasses import asdict
from pathlib import Path

from clusteropt.console import complain, emit
from clusteropt.errors import InputError, UsageError
from clusteropt.io import cards
from clusteropt.optimizers.learned import weights
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.report.tables import Column, show


def list_all(folder: Path, as_json: bool, wide: bool) -> None:
    """Lists the shipped optimizers and the .h5 files in `folder`. Raises UsageError where `folder` does not exist."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder: name a folder with .h5 files, or leave it out for the current one")
    records = _readable([*weights.names(), *sorted(str(path) for path in folder.glob("*.h5"))])
    if as_json:
        emit(json.dumps([{"name": name, "card": found.card} for name, found in records], indent=1))
        return
    show(
        [
            Column("name", [name for name, _ in records], folds=True),
            Column("network", [found.settings.network for _, found in records], rank=2),
            Column("numbers", [str(found.theta.size) for _, found in records], rank=3, right=True),
            Column("trained on", [cards.trained_on(found) for _, found in records], rank=1, folds=True),
            Column("minutes", [f"{found.card.get('seconds', 0) / 60:.1f}" for _, found in records], rank=4, right=True),
        ],
        wide,
    )


def _readable(names: list[str]) -> list[tuple[str, LearnedOptimizer]]:
    """The optimizers of these names. Skips checkpoints, and reports files that hold no optimizer."""
    records = []
    for name in names:
        if name.endswith(".checkpoint.h5"):
            continue
        try:
            records.append((name, weights.named(name)))
        except InputError as problem:
            complain(str(problem))
    return records


def show_one(name: str, as_json: bool) -> None:
    """Prints the training, the network settings and the scores of one optimizer. Raises InputError for an unusable file."""
    found = weights.named(name)
    if as_json:
        emit(json.dumps({"name": name, "network": asdict(found.settings), "card": found.card}, indent=1))
        return
    emit(f"{name}: {found.settings.network} network, {found.theta.size} numbers")
    emit(f"trained on: {cards.trained_on(found)}")
    for title, values in (("network", asdict(found.settings)), *cards.sections(found)):
        emit(f"{title}:")
        for key, value in values.items():
            emit(f"  {key}: {value}")
