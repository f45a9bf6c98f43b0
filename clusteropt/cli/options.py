"""Options that several commands share, and the messages they write."""

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clusteropt.errors import UsageError

if TYPE_CHECKING:
    from clusteropt.settings.config import MinimizeSettings

Files = Annotated[
    list[str],
    typer.Argument(
        help="Structure files of any format ASE reads; 'file.xyz@0:10' for some frames; '-' for standard input.",
        show_default=False,
    ),
]
PotentialName = Annotated[
    str | None,
    typer.Option(
        "--potential",
        "-p",
        help="Parameter set by name (see `clusteropt potentials list`) or TOML file. Default: the elements' own.",
        show_default=False,
    ),
]
Elements = Annotated[
    str | None,
    typer.Option(
        help="What labels of atoms in the files stand for, as SI=X, or 1=Cu,2=Zr for the types of LAMMPS.",
        show_default=False,
    ),
]
NoBox = Annotated[
    bool, typer.Option("--no-box", help="Leave periodic cells out: a cluster in a box of vacuum is searched then.")
]
Threads = Annotated[
    int | None,
    typer.Option(help="Number of cores to use. Default: all that the process may use.", min=1, show_default=False),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing output files.")]
Json = Annotated[bool, typer.Option("--json", help="Results as JSON on standard output.")]
Wide = Annotated[
    bool,
    typer.Option("--wide", help="All columns of the table, however narrow the terminal; in a pipe they always are."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No messages on standard error but errors.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Output file, extended XYZ; '-' for standard output.", show_default=False),
]
Optimizer = Annotated[
    str | None,
    typer.Option(
        help="learned (the shipped one, for global search), the .h5 file of one of your own, or for local minimization "
        "lbfgs, fire, gradient-descent. [dim]\\[default: learned][/dim]",
        show_default=False,
    ),
]
Level = Annotated[
    str | None,
    typer.Option(
        help="How far to converge: crude (largest force 1e-2 of the potential's energy over length scale), loose (1e-3), "
        "normal (1e-4), tight (1e-6) or extreme (1e-8). [dim]\\[default: normal][/dim]",
        show_default=False,
    ),
]
Fmax = Annotated[
    float | None,
    typer.Option(
        help="Converged when no force is larger; force unit of the potential, eV/angstrom or epsilon/sigma.",
        show_default=False,
    ),
]
Rms = Annotated[
    float | None,
    typer.Option(
        help="Converged when the root mean square of all force components is smaller; same unit as fmax.",
        show_default=False,
    ),
]
MaxSteps = Annotated[
    int | None,
    typer.Option(
        help="Evaluations of energy and forces allowed for each local minimization. [dim]\\[default: 20000][/dim]",
        show_default=False,
    ),
]
Perturb = Annotated[
    float | None,
    typer.Option(
        help="Random displacement before the start (angstrom or sigma), to leave saddle points. [dim]\\[default: 0][/dim]",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        help="Of random displacements, starts and hops; no unit. [dim]\\[default: 0][/dim]", show_default=False
    ),
]
Trajectories = Annotated[
    int | None,
    typer.Option(
        help="Learned trajectories for each structure; the lowest minimum wins. [dim]\\[default: 16][/dim]",
        show_default=False,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        help="Steps (evaluations) of a learned trajectory, the first three quarters of the way that was trained. "
        "[dim]\\[default: 7.5 for each atom, up to 1000][/dim]",
        show_default=False,
    ),
]
Hops = Annotated[
    int | None,
    typer.Option(
        help="Hops from minimum to minimum after each trajectory, at most. [dim]\\[default: 200][/dim]",
        show_default=False,
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        help="Where trajectories start: given (the structure, then near it and at random in turn), perturbed or random. "
        "[dim]\\[default: given][/dim]",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file with any of the options from potential to start; the command line wins.", show_default=False
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        help="Stop after that time, as 90s, 30m or 2h, with code 75 if not done. Default: a minute before a Slurm job ends.",
        show_default=False,
    ),
]
_LAST_MINUTE = 60.0  # seconds, for what is under way at the end of a job
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds_left(time_limit: str | None) -> float | None:
    """Until the time limit, or until a minute before the end of a Slurm job, whichever comes first; None without either.

    Raises UsageError for a limit that is no time, and in a Slurm job that has no more than that minute.
    """
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    slurm = float(end) - time.time() - _LAST_MINUTE if end.isdigit() else None
    if slurm is not None and slurm <= 0:
        raise UsageError(
            f"this Slurm job ends in {max(0, slurm + _LAST_MINUTE):.0f} s (SLURM_JOB_END_TIME), and the last minute "
            "is kept for writing: nothing can be computed: ask for more time, as sbatch --time=00:10:00"
        )
    return min((s for s in (_seconds_of(time_limit), slurm) if s is not None), default=None)


def _seconds_of(time_limit: str | None) -> float | None:
    if time_limit is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", time_limit.strip())
    if match is None or float(match[1]) == 0:
        raise UsageError(f"--time-limit cannot be '{time_limit}': write seconds, or as 90s, 30m or 2h")
    return float(match[1]) * _SECONDS[match[2]]


def refuse_idle(settings: "MinimizeSettings", given: dict[str, Any]) -> None:
    """Raises UsageError for options that would do nothing without a learned optimizer."""
    idle = [name for name in ("trajectories", "steps", "hops", "start", "all-minima") if given.get(name) is not None]
    if settings.method().search is None and idle:
        raise UsageError(f"--{idle[0]} is for a learned optimizer, and --optimizer is {settings.optimizer}: drop one")
