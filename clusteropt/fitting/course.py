"""The course of a fit: one optimizer after the other, and the weights that are kept at the end."""

from typing import NamedTuple

from clusteropt.errors import UsageError
from clusteropt.fitting import loop
from clusteropt.fitting.loop import Best, Plan, Progress
from clusteropt.fitting.settings import FitSettings
from clusteropt.fitting.setup import Setup
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.optimizers.table import learned_choice


class Course(NamedTuple):
    """A fit under way."""

    plans: tuple[Plan, ...]
    phase: int  # the plan in progress
    now: Progress
    done: tuple[Best, ...]  # of the plans before it

    @property
    def plan(self) -> Plan:
        """The plan in progress."""
        return self.plans[self.phase]

    @property
    def bests(self) -> tuple[Best, ...]:
        """The best weights of every plan so far."""
        return (*self.done, self.now.best)

    @property
    def best(self) -> Best:
        """The best weights of all plans so far."""
        return min(self.bests, key=lambda one: one.error)

    @property
    def steps(self) -> int:
        """Steps of all plans so far."""
        return sum(plan.n_steps for plan in self.plans[: self.phase]) + self.now.step

    @property
    def all_steps(self) -> int:
        """Steps of all plans."""
        return sum(plan.n_steps for plan in self.plans)


def plans_of(settings: FitSettings, learned: LearnedOptimizer | None) -> tuple[Plan, ...]:
    """One plan, or for a learned optimizer two: its own, and adam's with as many gradients, to compare."""
    plain = Plan("adam", settings.steps, settings.rate)
    if learned is None:
        return (plain._replace(kind=settings.optimizer),)
    choice = learned_choice(learned.theta, learned.settings, settings.steps, (0, 1))
    return Plan("learned", settings.steps, settings.rate, choice), plain


def begin(setup: Setup, plans: tuple[Plan, ...]) -> Course:
    """The course before its first step. Raises UsageError for a learned optimizer that is made for atoms."""
    now = loop.begin(setup, plans[0])
    try:
        loop.check(setup, plans[0], now)
    except UsageError as problem:
        reason = str(problem).partition(":")[0]
        cure = "take adam, or one that is trained for networks"
        raise UsageError(f"this optimizer cannot move weights ({reason}): {cure}") from None
    return Course(plans, 0, now, ())


def advanced(setup: Setup, settings: FitSettings, course: Course) -> Course:
    """The course at its next check. A plan at its end is followed by the next one."""
    if loop.finished(settings, course.plan, course.now) and course.phase + 1 < len(course.plans):
        following = course.plans[course.phase + 1]
        return Course(course.plans, course.phase + 1, loop.begin(setup, following), course.bests)
    return course._replace(now=loop.advanced(setup, course.plan, course.now))


def finished(settings: FitSettings, course: Course) -> bool:
    """True at the end of the last plan."""
    return course.phase + 1 == len(course.plans) and loop.finished(settings, course.plan, course.now)
