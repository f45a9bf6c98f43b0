"""The command line: one file per command, its options in the signature, heavy imports inside the bodies."""

import io
import signal
import sys
import warnings

import typer

from clusteropt.cli import (
    batch,
    cite,
    compare,
    doctor,
    energy,
    evaluate,
    fit,
    grow,
    minima,
    minimize,
    optimizers,
    potentials,
    random,
    report,
    search,
    train,
    view,
)
from clusteropt.console import complain, drop, hold_standard_streams
from clusteropt.errors import ClusterOptError, ExitCode

_HELP = """Find the lowest-energy structures of atomic clusters.

Examples: [bold]clusteropt search Au38[/bold], [bold]clusteropt minimize cluster.xyz[/bold],
[bold]clusteropt random Au38 --count 10 --out starts.xyz[/bold], [bold]clusteropt potentials list[/bold].

Results go to standard output, messages to standard error.

Exit codes: 0 all converged, 1 unexpected error (compare: not the same), 2 wrong usage,
3 some input could not be used, 4 some structure did not converge,
75 stopped early and can continue, 130 interrupted with Ctrl-C.
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("search")(search.search)
app.command("grow")(grow.grow)
app.command("minimize")(minimize.minimize)
app.command("energy")(energy.energy)
app.command("batch")(batch.batch)
app.command("status")(batch.status)
app.command("merge")(batch.merge)
app.command("fit")(fit.fit)
app.command("compare")(compare.compare)
app.command("minima")(minima.minima)
app.command("report")(report.report)
app.command("plot")(report.plot)
app.command("view")(view.view)
app.command("random")(random.random)
app.command("doctor")(doctor.doctor)
app.command("cite")(cite.cite)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(optimizers.app, name="optimizers")
app.add_typer(potentials.app, name="potentials")
app.add_typer(train.app, name="train")


def _version(wanted: bool) -> None:
    if wanted:
        from clusteropt import __version__

        typer.echo(f"clusteropt {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def _warn(message: Warning | str, *about: object) -> None:
    complain(" ".join(str(message).split()))


def main() -> None:
    """Runs the command; the one place where errors and warnings become messages, and errors exit codes."""
    warnings.showwarning = _warn
    hold_standard_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file name that its encoding does not know is shown with escapes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except ClusterOptError as problem:
        complain(str(problem))
        sys.exit(problem.exit_code)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # Typer and Rich call it a failure that the reader has left
            sys.exit(_code_without_reader(stop.__context__))
        if stop.code == ExitCode.INTERRUPTED:  # Typer has heard of Ctrl-C first, and says nothing
            complain("interrupted")
        raise
    except BrokenPipeError as gone:
        drop(sys.stdout)
        sys.exit(_code_without_reader(gone))
    finally:  # all is done: Ctrl-C while the libraries tidy up ends the process, without their tracebacks
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _code_without_reader(gone: BrokenPipeError) -> int:
    """The exit code that there is with one: that of the error which was to be shown, or that of a help text."""
    return getattr(gone.__context__, "exit_code", ExitCode.OK)
