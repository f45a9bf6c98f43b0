"""`clusteropt train`: a command per strategy, with an option for every field of its settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from clusteropt.cli.flags import From, spread
from clusteropt.cli.options import Devices, Force, Quiet, TimeLimit
from clusteropt.runtime import plugins
from clusteropt.training.settings import TrainSettings, defaults

_ONLY_ES = ("sigma_end", "rate", "decay_steps", "outer")
_File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE.toml]",
        help="TOML file with settings of the training; an option on the command line wins.",
        show_default=False,
    ),
]
_Weights = Annotated[
    Path, typer.Option("--out", "-o", help="HDF5 file for the weights; the checkpoint, log and picture go beside it.")
]
_Resume = Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint beside --out, if there is one.")]
_Coordinator = Annotated[
    str | None,
    typer.Option(
        help="HOST:PORT at which the first of several processes serves the others; not needed under srun and mpirun.",
        show_default=False,
    ),
]
_Process = Annotated[
    str | None,
    typer.Option(help="Number of this process among several: 2/4 is the second of four.", show_default=False),
]
_Picture = Annotated[bool, typer.Option("--picture/--no-picture", help="Draw the training curve, or not.")]


class _Strategies(TyperGroup):
    """The commands, and one for each strategy that another package registers."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [
            *super().list_commands(ctx),
            *(name for name in plugins.known("strategies") if name not in self.commands),
        ]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in self.commands or not plugins.is_known("strategies", cmd_name):
            return super().get_command(ctx, cmd_name)
        alone = typer.Typer(rich_markup_mode="rich")
        alone.command(cmd_name)(_command(cmd_name, f"Train a learned optimizer by the strategy {cmd_name}."))
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=_Strategies, help="Train a learned optimizer of your own.", no_args_is_help=True, rich_markup_mode="rich"
)


def _command(strategy: str, doc: str, without: tuple[str, ...] = ()) -> Callable[..., None]:
    """The command: its parameters are made from the fields of the settings."""

    def train(
        given: Annotated[dict[str, Any], From(TrainSettings, (), ("strategy", *without), defaults(strategy))],
        devices: Devices,
        file: _File = None,
        out: _Weights = Path("optimizer.h5"),
        resume: _Resume = False,
        time_limit: TimeLimit = None,
        picture: _Picture = True,
        coordinator: _Coordinator = None,
        process: _Process = None,
        force: Force = False,
        quiet: Quiet = False,
    ) -> None:
        from clusteropt.commands import training
        from clusteropt.training.job import TrainingJob

        job = TrainingJob(out, resume, force, picture, quiet)
        training.train(strategy, file, given, job, training.rank_of(coordinator, process), devices, time_limit)

    train.__doc__ = doc
    return spread(train)


app.command("es")(
    _command(
        "es",
        """Train a learned optimizer by evolution strategies with meta-loss clipping.

        Example: [bold]clusteropt train es[/bold] trains on LJ13 in less than a minute, and
        [bold]clusteropt minimize cluster.xyz --optimizer optimizer.h5[/bold] searches with it.
        """,
    )
)
app.command("ga")(
    _command(
        "ga",
        """Train a learned optimizer by a genetic algorithm: perturb, try, keep the best.

        Example: [bold]clusteropt train ga[/bold] trains on LJ13 in less than a minute, and
        [bold]clusteropt minimize cluster.xyz --optimizer optimizer.h5[/bold] searches with it.
        """,
        without=_ONLY_ES,
    )
)
