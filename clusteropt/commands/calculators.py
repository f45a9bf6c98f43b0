"""A calculator that a user has asked for, in the place of a potential."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clusteropt.commands.process import prepare
from clusteropt.commands.time_limit import seconds_in
from clusteropt.errors import UsageError
from clusteropt.runtime.signals import alarm_in, no_alarm
from clusteropt.settings.calculators import CalculatorSettings
from clusteropt.settings.merging import merged

if TYPE_CHECKING:
    from clusteropt.potentials.calculators.recipe import Recipe


def named(
    given: dict[str, Any], calculator: dict[str, Any], devices: dict[str, Any], formulas: Sequence[str] = ()
) -> dict[str, Any]:
    """The options of a command with the calculator, if there is one, in the place of the potential.

    Raises UsageError for a calculator that cannot be made, beside a potential, and for numbers of electrons that the `formulas`
    cannot have.
    """
    wanted = merged(CalculatorSettings, None, calculator)
    if wanted.calculator is None:
        idle = [name for name, value in calculator.items() if value is not None]
        if idle:
            raise UsageError(f"--{idle[0].replace('_', '-')} needs --calculator: give both or none")
        return given
    if given.get("potential") is not None:
        raise UsageError("--potential and --calculator exclude each other: drop one of them")
    prepare(devices)
    from clusteropt.potentials.calculators import known, recipe

    options = recipe.options_of(wanted.calculator_options)
    rules = {
        "timeout": seconds_in(wanted.calculator_timeout, "--calculator-timeout"),
        "share": wanted.stop_if_more_than,
    }
    chosen = recipe.recipe_of(wanted.calculator, options, **rules, scales=recipe.scales_in(wanted.calculator_scales))
    for formula in formulas:
        _check_electrons(formula, chosen)
    return given | {"potential": known.use(chosen, devices.get("threads"))}


@contextmanager
def limited(potential: str | None, seconds: float | None, end: float | None) -> Iterator[None]:
    """Within this context the scales of a calculator, if `potential` names one, are found in so many seconds.

    `end`: of the Slurm job, by the monotonic clock. Raises UsageError after the seconds, as nothing has begun that could go on.
    """
    from clusteropt.potentials.calculators import known

    if seconds is None or not known.is_known(potential):
        yield
        return
    own = time.monotonic() + seconds
    alarm_in((own if end is None else min(own, end)) - time.monotonic())
    try:
        yield
        no_alarm()
    except KeyboardInterrupt:
        if time.monotonic() < own:
            raise
        limit = "the time limit came before the scales of the calculator were found"
        raise UsageError(
            f"{limit}: allow more (--time-limit), or give scales, as --calculator-scales 2.5,0.6"
        ) from None
    if end is not None:
        alarm_in(end - time.monotonic())


def _check_electrons(formula: str, recipe: "Recipe") -> None:
    """Raises UsageError for a charge or multiplicity that the atoms cannot have, before any process is started for them."""
    from ase.data import atomic_numbers

    from clusteropt.potentials.calculators.electrons import electron_fault
    from clusteropt.search.starts import symbols_of

    if fault := electron_fault(recipe, [atomic_numbers[symbol] for symbol in symbols_of(formula)]):
        raise UsageError(f"{formula}: {fault}")
