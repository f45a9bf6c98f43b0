"""`clusteropt train`: a command per strategy, with an option for every field of its settings."""

import inspect
import math
import os
import re
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_args, get_origin, get_type_hints

import typer

from clusteropt.cli.options import Force, Quiet, Threads, TimeLimit, seconds_left
from clusteropt.console import complain
from clusteropt.errors import ClusterOptError, Deserted, ExitCode, Interrupted, Stopped, UsageError
from clusteropt.optimizers.learned.settings import FEATURES, LearnedSettings
from clusteropt.training.settings import DEFAULTS, TrainSettings

app = typer.Typer(help="Train a learned optimizer of your own.", no_args_is_help=True, rich_markup_mode="rich")

# lengths and energies in scales of the potential; the others have no unit
_HELP = {
    "tasks": "Formulas to train on, separated by commas; each outer step takes the next one. X13: trajectories from random "
    "starts; hop:X13: hops from minima.",
    "steps": "Outer steps. With --resume they may be others than before, but no fewer than are done.",
    "trajectory": "Inner steps (evaluations) of a trajectory.",
    "hop_steps": "Inner steps of a hop.",
    "hop_begin": "Part of a trajectory that is over when a hop begins, from 0 to 1.",
    "clusters": "Trajectories for the loss of one candidate.",
    "pairs": "Half the number of candidates in an outer step.",
    "sigma": "Spread of the perturbations of theta.",
    "sigma_end": "What is left of sigma at the end, a fraction.",
    "rate": "First step length of the outer optimizer; it falls to a tenth.",
    "decay_steps": "Outer steps over which sigma and rate fall; 0: over all of --steps.",
    "outer": "Outer optimizer: adam, rmsprop, adafactor or sgd.",
    "loss": "final (energy at the end), mean (over all steps) or soft-min (over the batch, at the end).",
    "temperature": "Of the soft minimum, in the potential's energy scale.",
    "density": "Of the random starts, atoms per cubed length of the potential.",
    "warm_start": "Weights to go on from, a shipped name or the path of a .h5 file, instead of random ones. Wider layers and "
    "more features begin without effect.",
    "seed": "Of everything random.",
    "patience": "Outer steps after which to stop when no task has had a loss below its lowest; 0: never.",
    "network": "vector (one atom's rotation invariants) or coordinate (one coordinate by itself).",
    "widths": "Hidden units of each layer, separated by commas.",
    "features": "What the network sees beside the gradient and its averages, separated by commas: "
    f"{', '.join(FEATURES)} (energy and size: vector only).",
    "radial": "Cutoff and exponent of each radial symmetry function of the feature 'radial', in nearest-neighbour distances: "
    "1.6:0.5,2.2:0.5 is two of them.",
    "decays": "Of the moving averages of the gradient, separated by commas.",
    "noise": "Whether the vector network may weigh a random direction.",
    "styles": "Inputs that are random numbers of the trajectory.",
    "form": "Step: alpha d sigmoid(beta m + gamma) (sum) or alpha d sigmoid(beta m gamma) (product).",
    "alpha": "Longest step, in the potential's length.",
    "beta": "See form.",
    "gamma": "See form.",
    "learned": "Which of alpha, beta and gamma are trained too, separated by commas.",
}
_ONLY_ES = {"sigma_end", "rate", "decay_steps", "outer"}

_FILE = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE.toml]", help="TOML file with any of the options; the command line wins.", show_default=False
    ),
]
_OUT = Annotated[
    Path, typer.Option("--out", "-o", help="Weights file to write, HDF5; the checkpoint, log and picture go beside it.")
]
_RESUME = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside --out, if there is one.")]
_COORDINATOR = Annotated[
    str | None,
    typer.Option(
        help="HOST:PORT on which the first process of several serves the others; not needed under srun and mpirun.",
        show_default=False,
    ),
]
_PROCESS = Annotated[
    str | None, typer.Option(help="Which of several processes this is: 2/4 is the second of four.", show_default=False)
]
_PICTURE = Annotated[bool, typer.Option("--picture/--no-picture", help="Whether to draw the training curve.")]


def _train(
    strategy: str,
    given: dict[str, Any],
    file: _FILE = None,
    out: _OUT = Path("optimizer.h5"),
    resume: _RESUME = False,
    time_limit: TimeLimit = None,
    picture: _PICTURE = True,
    coordinator: _COORDINATOR = None,
    process: _PROCESS = None,
    threads: Threads = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    begin = time.monotonic()

    from clusteropt.runtime import host, machine, processes
    from clusteropt.runtime.signals import remembered
    from clusteropt.settings.config import merged
    from clusteropt.training.job import Job

    place = _place(coordinator, process)
    settings = merged(TrainSettings, file, _fields(given), DEFAULTS[strategy])
    if settings.strategy != strategy:
        raise UsageError(
            f"{file}: is for the strategy '{settings.strategy}': use `clusteropt train {settings.strategy}`"
        )
    left = seconds_left(time_limit)
    deadline = math.inf if left is None else begin + left
    with remembered(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, patient=True) as signals:
        job = Job(out, resume, force, picture, quiet, deadline, signals)
        joins = place is not None or processes.several_processes()
        host.prepare(threads or machine.n_cores(), alone=not joins)
        if joins:
            from clusteropt.training.session import check

            if place is not None and place[1] == 0:
                check(job)
                job.say(f"waiting for {place[2] - 1} other processes to come to {place[0]}")
            processes.join(*(place or (None, None, None)))
            job.writes = processes.process() == 0
        from clusteropt.training.session import run

        try:
            run(settings, job)
        except BaseException as problem:
            together = isinstance(problem, (Stopped, Interrupted)) and not isinstance(problem, Deserted)
            if processes.n_processes() == 1 or together:
                raise
            _leave(problem)


def _leave(problem: BaseException) -> NoReturn:
    """Ends the process at once: leaving in the usual way would wait for the others, who wait for this one."""
    if isinstance(problem, ClusterOptError):
        complain(str(problem))
    else:
        traceback.print_exception(problem)
    sys.stderr.flush()
    os._exit(problem.exit_code if isinstance(problem, ClusterOptError) else ExitCode.FAILURE)


def _place(coordinator: str | None, process: str | None) -> tuple[str, int, int] | None:
    """The address of the first process, the number of this one from 0, and how many there are."""
    if coordinator is None and process is None:
        return None
    if coordinator is None or process is None:
        raise UsageError("--coordinator HOST:PORT and --process 2/4, the second of four, go together")
    if not re.fullmatch(r"[^\s:/]+:\d+|\[[0-9a-fA-F:]+\]:\d+", coordinator):
        raise UsageError(f"--coordinator cannot be '{coordinator}': write HOST:PORT")
    match = re.fullmatch(r"(\d+)/(\d+)", process)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--process cannot be '{process}': write 2/4 for the second of four, counted from 1")
    return coordinator, int(match[1]) - 1, int(match[2])


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    """The options as fields; those of the network in a table of their own."""
    hints = get_type_hints(LearnedSettings)
    table = {name: _parsed(name, value, hints[name]) for name, value in given.items() if name in hints}
    hints = get_type_hints(TrainSettings)
    fields = {name: _parsed(name, value, hints[name]) for name, value in given.items() if name not in table}
    return fields | {"network": table}


def _parsed(name: str, value: Any, hint: Any) -> Any:
    """Lists come as text with commas."""
    if value is None or get_origin(hint) is not tuple:
        return value
    kind = get_args(hint)[0]
    read = (lambda part: tuple(map(float, part.split(":")))) if get_origin(kind) is tuple else kind
    try:
        return tuple(read(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        wanted = "numbers" if read is kind else "pairs of numbers, as 1.6:0.5,"
        raise UsageError(f"--{name} takes {wanted} separated by commas, got '{value}'") from None


def _command(strategy: str, doc: str) -> None:
    """Adds the command: its parameters are made from the fields of the settings."""
    defaults = DEFAULTS[strategy]
    values = {name: (hint, getattr(defaults, name)) for name, hint in get_type_hints(TrainSettings).items()}
    del values["strategy"], values["network"]
    values |= {name: (hint, getattr(defaults.network, name)) for name, hint in get_type_hints(LearnedSettings).items()}
    own = [_parameter(name, *value) for name, value in values.items() if strategy == "es" or name not in _ONLY_ES]
    shared = [p for p in inspect.signature(_train).parameters.values() if p.name not in ("strategy", "given")]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (shared[0], *own, *shared[1:])]

    def command(**given: Any) -> None:
        common = {p.name: given.pop(p.name) for p in shared}
        _train(strategy, given, **common)

    command.__doc__ = doc
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    app.command(strategy)(command)


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    shown = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
    text = f"{_HELP[name]} [dim]\\[default: {(shown.lower() if hint is bool else shown) or 'none'}][/dim]"
    kind = str if get_origin(hint) is tuple else hint
    option = typer.Option(help=text, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


_command(
    "es",
    """Train a learned optimizer by evolution strategies with meta-loss clipping.

    Example: [bold]clusteropt train es[/bold] trains on LJ13 in less than a minute, and
    [bold]clusteropt minimize cluster.xyz --optimizer optimizer.h5[/bold] uses what it has written.
    """,
)
_command(
    "ga",
    """Train a learned optimizer by a genetic algorithm: perturb, try, keep the best.

    Example: [bold]clusteropt train ga[/bold] trains on LJ13 in less than a minute, and
    [bold]clusteropt minimize cluster.xyz --optimizer optimizer.h5[/bold] uses what it has written.
    """,
)
