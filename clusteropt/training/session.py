"""A training run with its messages and its weights file."""

import time
from dataclasses import asdict
from pathlib import Path

from clusteropt import weights
from clusteropt.console import say
from clusteropt.training import loop
from clusteropt.training.settings import TrainSettings

_REPORTS = 10  # lines in the course of a run


def train_es(settings: TrainSettings, out: Path, quiet: bool = False) -> weights.LearnedOptimizer:
    """Trains, and writes the weights with a card that says how they came about."""
    begin, first = time.monotonic(), loop.begin(settings)
    progress = first
    for progress in loop.train(settings, first):
        if not quiet and (progress.step % max(1, settings.steps // _REPORTS) == 0 or progress.step == 1):
            seconds = time.monotonic() - begin
            left = seconds / progress.step * (settings.steps - progress.step)
            say(
                f"step {progress.step} of {settings.steps}: {progress.task} loss {progress.loss:.4f} energy scales, "
                f"{seconds:.0f} s, {left:.0f} s left"
            )
    optimizer = weights.LearnedOptimizer(progress.theta, settings.network, card_of(settings, time.monotonic() - begin))
    weights.save(out, optimizer)
    if not quiet:
        say(f"{progress.theta.size} numbers written to {out}")
    return optimizer


def card_of(settings: TrainSettings, seconds: float) -> dict[str, object]:
    """What a weights file says about itself."""
    return {"tasks": sorted(set(settings.tasks)), "training": asdict(settings), "seconds": round(seconds, 1)}
