"""An option is written once: flags, keys of files, keywords and the tables of the documentation are those of the fields."""

import inspect
import json
from dataclasses import fields

import numpy as np
import options as tables
import pytest
import typer
from cli import cluster
from hypothesis import given
from hypothesis import strategies as st
from pages import pages, text_of

import clusteropt
from clusteropt.api import MinimizeChanges
from clusteropt.cli import app
from clusteropt.errors import InputError, UsageError
from clusteropt.evaluation.settings import EvaluationChanges, EvaluationSettings
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.settings.config import MinimizeSettings, ReadingSettings
from clusteropt.settings.merging import merged
from clusteropt.settings.method import LocalSettings, SearchSettings
from clusteropt.settings.options import Range, options
from clusteropt.training.settings import TrainSettings

KINDS = (
    MinimizeSettings,
    ReadingSettings,
    LocalSettings,
    SearchSettings,
    EvaluationSettings,
    TrainSettings,
    LearnedSettings,
)
FLAGGED = (  # settings, the command that takes them, and what it leaves out
    (MinimizeSettings, "minimize", set()),
    (MinimizeSettings, "batch", {"all_minima"}),
    (ReadingSettings, "energy", set()),
    (EvaluationSettings, "evaluate", set()),
    (TrainSettings, "train es", {"strategy"}),
    (LearnedSettings, "train es", set()),
    (LearnedSettings, "train ga", set()),
)


def numbers():
    """Settings, name, type and range of every option that is one number."""
    for kind in KINDS:
        for each, hint, about in options(kind):
            if isinstance(about.allowed, Range) and "tuple" not in str(hint):
                yield kind, each.name, int if "int" in str(hint) else float, about.allowed


NUMBERS = [pytest.param(*case, id=f"{case[0].__name__}.{case[1]}") for case in numbers()]


def flags_of(command: str) -> set[str]:
    found = typer.main.get_command(app)
    for word in command.split():
        found = found.commands[word]
    return {each.name for each in found.params}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_an_option_with_a_sentence_of_help(kind):
    described = {each.name for each, _, about in options(kind) if about.help.endswith(".")}
    assert described == {each.name for each in fields(kind)} - {"network"} | described & {"network"}


@pytest.mark.parametrize(("kind", "command", "without"), FLAGGED)
def test_every_option_is_a_flag(kind, command, without):
    assert {each.name for each, _, _ in options(kind)} - without <= flags_of(command)


@pytest.mark.parametrize(("kind", "name", "number", "_range"), NUMBERS)
def test_numbers_of_numpy_are_numbers_and_booleans_are_not(kind, name, number, _range):
    value = 1 if number is int else 0.5
    for other in (np.int64(value), np.uint16(value)) if number is int else (np.float64(value), np.float32(value)):
        made = kind(**{name: other})
        assert (getattr(made, name), type(getattr(made, name))) == (value, number)
    for boolean in (True, np.True_):
        with pytest.raises(UsageError, match=f"{name} must be a"):
            kind(**{name: boolean})
    if number is float:
        assert type(getattr(kind(**{name: 1}), name)) is float


@pytest.mark.parametrize(("kind", "name", "number", "allowed"), NUMBERS)
@given(data=st.data())
def test_a_number_is_accepted_within_its_range_and_refused_outside(kind, name, number, allowed, data):
    value = data.draw(st.integers(-3, 2**33) if number is int else st.floats(-2, 2) | st.sampled_from([np.inf, np.nan]))
    below = value <= allowed.least if allowed.above else value < allowed.least
    if below or value > allowed.most or not np.isfinite(value):
        with pytest.raises(UsageError, match=name):
            kind(**{name: value})
    else:
        assert getattr(kind(**{name: value}), name) == value


@pytest.mark.parametrize("kind", [MinimizeSettings, TrainSettings])
def test_a_file_with_all_defaults_changes_nothing(kind, tmp_path):
    given = {each.name: each.default for each, _, _ in options(kind) if each.default is not None}
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    (tmp_path / "c.toml").write_text("\n".join(lines), encoding="utf-8")
    assert merged(kind, tmp_path / "c.toml", {}) == kind()
    (tmp_path / "c.toml").write_text("seed = true", encoding="utf-8")
    with pytest.raises(InputError, match=r"c\.toml: seed must be a whole number, got True"):
        merged(kind, tmp_path / "c.toml", {})


@pytest.mark.parametrize(
    ("function", "settings", "typed"),
    [
        (clusteropt.minimize, MinimizeSettings(), MinimizeChanges),
        (clusteropt.benchmark, EvaluationSettings(), EvaluationChanges),
    ],
)
def test_every_option_is_a_keyword_with_its_default(function, settings, typed):
    shown = inspect.signature(function).parameters
    for each, _, about in options(type(settings)):
        assert shown[each.name].default == getattr(settings, each.name)
        assert about.help in (function.__doc__ or "")
    assert {*typed.__annotations__} == {each.name for each, _, _ in options(type(settings))} - {"potential"}


def test_an_unknown_keyword_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="minimize has no argument 'max_step'; did you mean 'max_steps'"):
        clusteropt.minimize(cluster(), max_step=3)
    with pytest.raises(UsageError, match="benchmark has no argument 'hit'; did you mean 'hits'"):
        clusteropt.benchmark(tasks="X13", hit=3)


def test_the_tables_of_the_documentation_are_those_of_the_program():
    stale = [page.name for page in pages() if tables.page_with_tables(text_of(page)) != text_of(page)]
    assert not stale, "run python docs/options.py"
