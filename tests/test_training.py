"""Training: laws of the strategies, and runs that are stopped, killed, damaged and resumed at the shell."""

import dataclasses
import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from cli import finish, names, run, spawn
from hypothesis import given, settings
from hypothesis import strategies as st

from clusteropt.errors import ClusterOptError, InputError, Interrupted, Stopped, UsageError
from clusteropt.optimizers.learned import weights
from clusteropt.optimizers.learned.settings import FEATURES, LearnedSettings
from clusteropt.runtime import devices
from clusteropt.training import checkpoint, esmc, loop, runs, tasks, trials
from clusteropt.training.candidates import Candidate, Validated, best, kept
from clusteropt.training.checkpoint import Checkpoint
from clusteropt.training.ga import ga
from clusteropt.training.job import TrainingJob
from clusteropt.training.runs import train_es, train_ga
from clusteropt.training.settings import DEFAULTS, OUTER, TrainSettings
from clusteropt.training.strategy import StrategyState
from clusteropt.training.trials import Trial, better

SMALL = TrainSettings(
    tasks=("X5", "hop:X5"),
    steps=4,
    trajectory=20,
    hop_steps=5,
    clusters=8,
    pairs=2,
    network=LearnedSettings(widths=(8,)),
)
FILE = """
tasks = ["X5", "hop:X5"]
steps = 4
trajectory = 20
hop_steps = 5
clusters = 8
pairs = 2
[network]
widths = [8]
"""
SLOW = """
import time
from clusteropt.training import loop
step = loop._step
def slow(*arguments):
    time.sleep(0.3)
    return step(*arguments)
loop._step = slow
"""
KILLED = """
from clusteropt.training import loop, runs
runs._SAVE_EVERY = 0.0
step = loop._step
def deadly(made, strategy, state):
    if state.step == {step}:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(made, strategy, state)
loop._step = deadly
"""


def last(made: TrainSettings, start: loop.TrainingState | None = None) -> loop.TrainingState:
    *_, end = loop.train(made, start or loop.begin(made))
    return end


@pytest.fixture(scope="module")
def whole() -> loop.TrainingState:
    """The run that nothing stopped."""
    return last(SMALL)


@pytest.fixture(scope="module")
def shipped() -> weights.LearnedOptimizer:
    """The theta that the run ships."""
    return train_es(SMALL)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.toml").write_text(FILE, encoding="utf-8")
    return tmp_path


def train(folder: Path, *options: str, strategy: str = "es"):
    return run(folder, "train", strategy, "small.toml", "--out", "o.h5", "--no-picture", *options)


def records(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "o.log.jsonl").read_text(encoding="utf-8").splitlines()]


def steps_of(folder: Path) -> list[int]:
    return [record["step"] for record in records(folder) if "loss" in record]


@given(seed=st.integers(0, 10**6), n=st.integers(1, 6), bad=st.sampled_from([np.inf, np.nan, -np.inf]))
def test_only_candidates_that_improve_teach(seed, n, bad):
    rng = np.random.default_rng(seed)
    eps = rng.normal(size=(n, 3)).astype(np.float32)
    worse = np.concatenate([[0.0], rng.uniform(0, 9, 2 * n)])
    assert not esmc.estimate(worse, eps, 0.1).any()
    better = worse.copy()
    better[1] = -0.5
    np.testing.assert_allclose(esmc.estimate(better, eps, 0.1), -0.5 / 0.02 / n * eps[0], rtol=1e-5)
    better[n + 1] = bad  # the opposite of the one that improves; minus infinity is no improvement either
    np.testing.assert_allclose(esmc.estimate(better, eps, 0.1), -0.5 / 0.02 / n * eps[0], rtol=1e-5)


def test_the_estimate_points_up_the_hill():
    centre, theta = np.array([1.0, -2.0, 3.0]), np.zeros(3, np.float32)
    eps = esmc.perturbations(3, 400, 0.1, 0, 0)
    losses = ((np.concatenate([theta[None], theta + eps, theta - eps]) - centre) ** 2).sum(1)
    estimate, slope = esmc.estimate(losses, eps, 0.1), -2 * centre
    assert estimate @ slope > 0.95 * np.linalg.norm(estimate) * np.linalg.norm(slope)


@given(seed=st.integers(0, 10**6), pairs=st.integers(1, 5), step=st.integers(0, 50))
def test_the_genetic_algorithm_never_gets_worse_on_a_fixed_batch(seed, pairs, step):
    rng = np.random.default_rng(seed)
    made = dataclasses.replace(SMALL, strategy="ga", pairs=pairs, seed=seed)
    strategy, theta = ga(made), rng.normal(size=4).astype(np.float32)
    losses = rng.normal(size=2 * pairs + 1)
    losses[rng.random(losses.size) < 0.2] = rng.choice([np.inf, np.nan])
    tried = strategy.ask(StrategyState(theta, None), step)
    np.testing.assert_array_equal(tried[0], theta)
    chosen = strategy.tell(StrategyState(theta, None), step, losses).theta
    k = next(k for k, candidate in enumerate(tried) if np.array_equal(candidate, chosen))
    assert k == 0 or losses[k] < losses[0] or not np.isfinite(losses[0])


@pytest.mark.parametrize("strategy", ["es", "ga"])
def test_theta_does_not_depend_on_the_number_of_devices(strategy, monkeypatch):
    assert devices.n_devices() == 2, "or this test shows nothing"
    made = dataclasses.replace(SMALL, strategy=strategy)
    two = last(made).theta
    monkeypatch.setattr(devices, "n_devices", lambda: 1)
    np.testing.assert_array_equal(last(made).theta, two)


def test_a_run_without_any_finite_loss_names_the_step_and_the_task(monkeypatch):
    monkeypatch.setattr(loop, "_losses", lambda candidates, *_: np.full(len(candidates), np.nan))
    with pytest.raises(ClusterOptError, match="step 1, task X5: no candidate"):
        last(SMALL)


def test_patience_ends_a_run_after_as_many_steps_as_it_says(monkeypatch):
    losses = iter([5.0, 4.0, 3.0, 4.0, 3.0, 9.0, 9.0])
    monkeypatch.setattr(loop, "_losses", lambda candidates, *_: np.full(len(candidates), next(losses)))
    end = last(dataclasses.replace(SMALL, tasks=("X4", "X5"), steps=50, patience=3))
    assert (end.step, end.lowered, end.lowest) == (6, 3, {"X4": 3.0, "X5": 4.0})


@pytest.mark.parametrize("change", [{"outer": outer} for outer in OUTER] + [{"strategy": "ga"}])
def test_a_run_goes_on_from_its_file_to_the_last_bit(tmp_path, change):
    made = dataclasses.replace(SMALL, **change)
    path, through = tmp_path / "c.h5", []
    for state in loop.train(made, loop.begin(made)):
        through.append(state)
        if state.step == 3:  # with a pool, in the middle
            checkpoint.save(path, made, Checkpoint(state, 1.5))
    found = checkpoint.load(path, made)
    assert found.seconds == 1.5
    end = last(made, found.state)
    np.testing.assert_array_equal(end.theta, through[-1].theta)
    assert end[3:] == through[-1][3:]
    old, new = through[-1].pools["hop:X5"], end.pools["hop:X5"]
    for one, other in zip((*old.clusters[:4], *old[1:]), (*new.clusters[:4], *new[1:]), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def stored(tmp_path_factory, whole) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "c.h5"
    checkpoint.save(path, SMALL, Checkpoint(whole, 1.0))
    return path


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=60)
def test_damaged_checkpoints_are_refused(stored, where, bit):
    content, other = stored.read_bytes(), stored.with_name("other.h5")
    k = int(where * len(content))
    flipped = content[:k] + bytes([content[k] ^ (1 << bit)]) + content[k + 1 :]
    for damaged in (content[:k], flipped):
        other.write_bytes(damaged)
        try:
            assert json.loads(damaged[:512]) == json.loads(content[:512]), "a space for another, at most"
            assert damaged[512:] == content[512:]
        except (ValueError, AssertionError):
            with pytest.raises(InputError, match=r"other\.h5: .*(--force|clusteropt that wrote)"):
                checkpoint.load(other, SMALL)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"steps": 3}, "4 steps are done, so --steps cannot be 3: --steps 4 ends the run here"),
        ({"decay_steps": 5}, "decay_steps 4, not 5"),
        ({"sigma": 0.2}, "sigma 0.15, not 0.2"),
        ({"strategy": "ga"}, "strategy es, not ga"),
        ({"network": LearnedSettings(widths=(9,))}, r"network\.widths 8, not 9"),
    ],
)
def test_a_run_with_other_settings_does_not_go_on(stored, change, word):
    with pytest.raises(UsageError, match=word):
        checkpoint.load(stored, dataclasses.replace(SMALL, **change))


def test_checkpoints_of_before_there_was_a_setting_go_on(tmp_path, whole, monkeypatch):
    def older(of_run):
        made = dataclasses.asdict(of_run)
        del made["decay_steps"]
        return made | {"network": {key: value for key, value in made["network"].items() if key != "features"}}

    path = tmp_path / "o.checkpoint.h5"
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "asdict", older)
        patched.setattr(checkpoint, "FORMAT", 1)
        checkpoint.save(path, SMALL, Checkpoint(whole, 1.0))
    assert checkpoint.load(path, SMALL).state.step == whole.step


def test_a_run_at_the_shell_leaves_weights_checkpoint_log_and_picture(folder, shipped):
    done = run(folder, "train", "es", "small.toml", "--out", "o.h5")
    assert (done.code, done.out) == (0, "")
    assert names(folder) == {"small.toml", "o.h5", "o.checkpoint.h5", "o.log.jsonl", "o.png"}
    found = weights.load(folder / "o.h5")
    np.testing.assert_array_equal(found.theta, shipped.theta)
    assert (found.card["tasks"], found.card["steps"]) == (["X5"], 4)
    (chosen,) = (record for record in records(folder) if record.get("shipped"))
    assert (found.card["step"], found.card["hits"]) == (chosen["step"], chosen["validated"])
    assert found.card["last_hits"] == records(folder)[-1]["validated"]
    assert set(found.card["hits"]) == {"X5"}
    assert steps_of(folder) == [1, 2, 3, 4]
    assert [r["task"] for r in records(folder) if "loss" in r] == ["X5", "hop:X5"] * 2
    assert (folder / "o.png").read_bytes()[:4] == b"\x89PNG"
    again = train(folder)
    assert (again.code, "o.checkpoint.h5: exists already" in again.err, "--resume" in again.err) == (2, True, True)
    assert "sigma 0.15, not 0.3" in train(folder, "--resume", "--sigma", "0.3").err
    before = (folder / "o.log.jsonl").read_bytes()
    assert train(folder, "--resume", "--quiet") == (0, "", ""), "already finished"
    assert (folder / "o.log.jsonl").read_bytes() == before
    (folder / "o.checkpoint.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert train(folder, "--resume").code == 3
    assert train(folder, "--force", "--steps", "2").code == 0
    assert steps_of(folder) == [1, 2]


def test_a_run_that_is_killed_twice_ends_as_one_that_never_was(folder, whole, shipped):
    arguments = ["train", "es", "small.toml", "--out", "o.h5", "--resume", "--no-picture", "--threads", "2"]
    for step in (1, 3):
        with spawn(folder, *arguments, before=KILLED.format(step=step)) as process:
            assert finish(process).code == -signal.SIGKILL
        assert steps_of(folder) == list(range(1, step + 1))
    with (folder / "o.log.jsonl").open("a", encoding="utf-8") as log:  # written after the checkpoint, the second torn
        log.write('{"step": 4, "task": "hop:X5", "loss": 1.0, "seconds": 1.0}\n{"step": 5, "ta')
    done = train(folder, "--resume")
    assert done.code == 0
    assert "going on after step 3 of 4" in done.err
    found = weights.load(folder / "o.h5")
    np.testing.assert_array_equal(found.theta, shipped.theta)
    assert all(found.card[key] == shipped.card[key] for key in ("step", "hits", "last_hits"))
    np.testing.assert_array_equal(checkpoint.load(folder / "o.checkpoint.h5", SMALL).state.theta, whole.theta)
    assert steps_of(folder) == [1, 2, 3, 4]
    assert [r["trajectories"] for r in records(folder) if "hits" in r] == [64, 64, 64, 64]
    assert {r["trajectories"] for r in records(folder) if "validated" in r} == {256}


def test_the_time_limit_stops_with_75_and_resume_finishes(folder, shipped):
    done = train(folder, "--time-limit", "0.000001s", "--resume")
    assert done.code == 75
    assert "o.checkpoint.h5: not there: beginning" in done.err
    assert done.complaints == ["clusteropt: stopped after step 1 of 4: go on with --resume"]
    assert weights.load(folder / "o.h5").card["steps"] == 1
    assert train(folder, "--time-limit", "2h", "--resume").code == 0
    np.testing.assert_array_equal(weights.load(folder / "o.h5").theta, shipped.theta)
    assert steps_of(folder) == [1, 2, 3, 4]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGHUP, 75)])
def test_signals_end_a_run_after_the_step_in_progress(folder, number, code):
    arguments = ["train", "ga", "small.toml", "--out", "o.h5", "--steps", "1000", "--no-picture", "--threads", "2"]
    with spawn(folder, *arguments, before=SLOW) as process:
        end = time.monotonic() + 60
        while not ((folder / "o.log.jsonl").exists() and steps_of(folder)) and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(number)
        done = finish(process)
    assert done.code == code
    (line,) = done.complaints
    steps = steps_of(folder)
    assert f"after step {len(steps)} of 1000: go on with --resume" in line
    assert weights.load(folder / "o.h5").card["steps"] == len(steps) == steps[-1]


def trained(path: Path, strategy: str, resume: bool = False, **changes):
    """The last state of a run with files, and what it ships."""
    made = dataclasses.replace(SMALL, strategy=strategy, **changes)
    found = runs.carry_out(made, TrainingJob(path, resume=resume, with_picture=False, quiet=True))
    stored = path.with_suffix(".checkpoint.h5")
    return checkpoint.load(stored, checkpoint.continued(stored, made)).state, found


@pytest.mark.parametrize("strategy", ["es", "ga"])
def test_a_run_is_lengthened_to_what_a_long_one_gives(tmp_path, strategy):
    trained(tmp_path / "o.h5", strategy, steps=2, sigma_end=0.5)
    end, found = trained(tmp_path / "o.h5", strategy, resume=True, steps=4, sigma_end=0.5)
    # the steps over which sigma and rate fall are those planned first
    long_end, long_found = trained(tmp_path / "p.h5", strategy, steps=4, sigma_end=0.5, decay_steps=2)
    np.testing.assert_array_equal(end.theta, long_end.theta)
    np.testing.assert_array_equal(found.theta, long_found.theta)
    assert {**found.card, "seconds": 0} == {**long_found.card, "seconds": 0}
    logs = [[{**r, "seconds": 0} for r in map(json.loads, (tmp_path / f"{name}.log.jsonl").open())] for name in "op"]
    assert logs[0] == logs[1]
    again, _ = trained(tmp_path / "o.h5", strategy, resume=True, steps=4, sigma_end=0.5)
    np.testing.assert_array_equal(again.theta, end.theta)
    if strategy == "ga":  # nothing of it follows from the number of steps
        np.testing.assert_array_equal(last(dataclasses.replace(SMALL, strategy="ga")).theta, end.theta)


def test_a_run_is_ended_where_it_stands(tmp_path):
    made = dataclasses.replace(SMALL, steps=50, sigma_end=0.5)
    with pytest.raises(Stopped):
        runs.carry_out(made, TrainingJob(tmp_path / "o.h5", quiet=True, deadline=0.0))
    end, found = trained(tmp_path / "o.h5", "es", resume=True, steps=1, sigma_end=0.5)
    np.testing.assert_array_equal(end.theta, next(loop.train(made, loop.begin(made))).theta)
    assert (found.card["steps"], found.card["step"]) == (1, 1)


def test_a_kill_costs_half_of_what_was_done_at_most(folder):
    arguments = ["train", "ga", "small.toml", "--tasks", "X5", "--steps", "1000", "--out", "o.h5", "--threads", "2"]
    with spawn(folder, *arguments, before=SLOW) as process:
        end = time.monotonic() + 60
        while not ((folder / "o.log.jsonl").exists() and len(steps_of(folder)) >= 8) and time.monotonic() < end:
            time.sleep(0.05)
        process.kill()
        finish(process)
    done = len(steps_of(folder))
    stored = folder / "o.checkpoint.h5"
    made = dataclasses.replace(SMALL, strategy="ga", tasks=("X5",), steps=1000, sigma=0.3)
    assert 8 <= done <= 2 * checkpoint.load(stored, made).state.step + 4, "a second more, at the beginning"


def trial(*ends: float, hits: bool = True) -> Trial:
    """Of a task whose best-known minimum has energy -1 per atom."""
    energies = np.array(ends)
    return Trial({"X5": energies}, {"X5": energies < -0.99} if hits else {})


ENDS = st.lists(st.sampled_from([-1.0, -0.9, -0.5, 0.0]), min_size=30, max_size=30)


@given(a=ENDS, b=ENDS, hits=st.booleans())
def test_of_two_thetas_one_at_most_is_better(a, b, hits):
    one, other = trial(*a, hits=hits), trial(*b, hits=hits)
    assert not better(one, one)
    assert not (better(one, other) and better(other, one))


@given(several=st.lists(ENDS, min_size=1, max_size=5), hits=st.booleans())
def test_the_last_theta_is_shipped_unless_another_is_better_by_more_than_chance(several, hits):
    validated = [Validated(k, np.zeros(1), trial(*ends, hits=hits)) for k, ends in enumerate(several)]
    chosen, end = best(validated), validated[-1]
    assert chosen is end or better(chosen.trial, end.trial) or len(several) > 2
    assert not better(end.trial, chosen.trial)
    if not any(better(v.trial, end.trial) for v in validated):
        assert chosen is end


def test_better_is_more_hits_and_without_hits_lower_energies():
    low, high = trial(*[-0.9] * 30), trial(*[-0.5] * 30)
    assert better(low, high)
    assert better(trial(*[-1.0] * 9, *[0.0] * 21), low), "nine hits weigh more than any energy"
    assert better(low, trial(-1.0, *[-0.5] * 29)), "one hit is chance"
    assert better(trial(*[-1.0] * 30, hits=False), low), "no best-known minimum"


@given(ranks=st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.floats(-9, 9)), min_size=1, max_size=9))
def test_candidates_kept_do_not_depend_on_when_one_looks(ranks):
    candidates = [Candidate(k, np.zeros(1), rank) for k, rank in enumerate(ranks)]
    one_by_one: tuple[Candidate, ...] = ()
    for candidate in candidates:
        one_by_one = kept([*one_by_one, candidate])
    assert [c.step for c in one_by_one] == [c.step for c in kept(candidates)]
    assert len(one_by_one) <= 4
    assert max(ranks) in [c.rank for c in one_by_one]
    assert max(energy for _, energy in ranks) in [c.rank[1] for c in one_by_one]


def test_the_best_theta_is_shipped_and_the_last_goes_on(tmp_path, monkeypatch):
    def seen(theta, *_):
        steps.setdefault(theta.tobytes(), len(steps) + 1)
        return trial(*[-1.0 if steps[theta.tobytes()] == 2 else -0.9] * 30)

    steps: dict[bytes, int] = {}
    monkeypatch.setattr(runs, "reported", seen)
    monkeypatch.setattr(runs, "validated", seen)
    end, found = trained(tmp_path / "o.h5", "es")
    through = list(loop.train(SMALL, loop.begin(SMALL)))
    np.testing.assert_array_equal(found.theta, through[1].theta)
    np.testing.assert_array_equal(end.theta, through[-1].theta)
    assert (found.card["step"], found.card["steps"]) == (2, 4)
    assert (found.card["hits"], found.card["last_hits"]) == ({"X5": 1.0}, {"X5": 0.0})
    again, found_again = trained(tmp_path / "o.h5", "es", resume=True)
    np.testing.assert_array_equal(found_again.theta, found.theta)
    np.testing.assert_array_equal(again.theta, end.theta)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, Stopped), (signal.SIGINT, Interrupted)])
def test_a_validation_that_is_stopped_has_left_the_last_theta_and_is_done_by_resume(
    tmp_path, monkeypatch, number, error
):
    job = TrainingJob(tmp_path / "o.h5", with_picture=False, quiet=True)
    _, shipped = trained(tmp_path / "whole.h5", "es")
    original = runs.validated

    def heard(*arguments):
        job.signals.heard = number
        return original(*arguments)

    monkeypatch.setattr(runs, "validated", heard)
    with pytest.raises(error, match="in the validation after step 4: go on with --resume"):
        runs.carry_out(SMALL, job)
    kept = weights.load(tmp_path / "o.h5")
    np.testing.assert_array_equal(kept.theta, list(loop.train(SMALL, loop.begin(SMALL)))[-1].theta)
    assert "step" not in kept.card
    monkeypatch.setattr(runs, "validated", original)
    _, found = trained(tmp_path / "o.h5", "es", resume=True)
    np.testing.assert_array_equal(found.theta, shipped.theta)
    assert found.card["step"] == shipped.card["step"]
    monkeypatch.setattr(runs, "validated", heard)
    with pytest.raises(error):
        runs.carry_out(SMALL, dataclasses.replace(job, resume=True))
    assert weights.load(tmp_path / "o.h5").card["step"] == found.card["step"], "what was validated before stays"


def test_a_validation_starts_where_neither_training_nor_a_report_has(monkeypatch):
    drawn: dict[str, set[int]] = {"training": set()}
    where = "training"

    def watched(formula, count, seed, *more):
        drawn[where].add(seed)
        return random_starts(formula, count, seed, *more)

    random_starts = tasks.random_starts
    monkeypatch.setattr(tasks, "random_starts", watched)
    theta = last(SMALL).theta
    for where, look in (("report", trials.reported), ("validation", trials.validated)):
        drawn[where] = set()
        energies = [look(theta, SMALL, 4).energies["X5"] for _ in range(2)]
        np.testing.assert_array_equal(*energies)
    assert len(drawn["training"]) > 2
    assert len(set.union(*drawn.values())) == sum(map(len, drawn.values())), "no seed in two of them"


def test_a_run_of_hops_alone_ships_the_last_theta():
    made = dataclasses.replace(SMALL, tasks=("hop:X5",), steps=2)
    np.testing.assert_array_equal(train_es(made).theta, last(made).theta)


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ('taks = ["X5"]', 3, "small.toml: unknown key 'taks'; did you mean 'tasks'?"),
        ("[network]\nwidth = [8]", 3, "small.toml: unknown key 'network.width'; did you mean 'widths'?"),
        ('steps = "many"', 3, "small.toml: steps must be a whole number, got 'many'"),
        ('tasks = "X5"', 3, "small.toml: tasks must be a list, got 'X5'"),
        ("tasks = [5]", 3, "small.toml: a value of tasks must be text, got 5"),
        ('network = "vector"', 3, "small.toml: network must be a table, [network], got 'vector'"),
        ("sigma = 0", 2, "small.toml: sigma must be a positive number, got 0.0"),
        ('loss = "finall"', 2, "small.toml: loss cannot be 'finall'; did you mean 'final'?"),
        ("[network]\ndecays = [1]", 2, "small.toml: decays must be between 0 and 1"),
        ("tasks = []", 2, "small.toml: tasks must be a list that names at least one formula"),
        ('tasks = ["Na13"]', 2, "no default potential for Na"),
        ('tasks = ["hop:13"]', 2, "'13' is not a chemical formula"),
        ('strategy = "ga"', 2, "small.toml: is for the strategy 'ga': use `clusteropt train ga`"),
        ("steps = ", 3, "small.toml: not a TOML file"),
    ],
)
def test_what_a_file_cannot_say_is_told_in_one_line_and_nothing_is_written(folder, text, code, word):
    (folder / "small.toml").write_text(text, encoding="utf-8")
    done = train(folder)
    (line,) = done.complaints
    assert (done.code, word in line) == (code, True), line
    assert names(folder) == {"small.toml"}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--time-limit", "soon"], "write a number of seconds, or 90s, 30m, 2h"),
        (["--time-limit", "0"], "--time-limit must be above 0, got 0"),
        (["--widths", "8,x"], "--widths takes numbers separated by commas"),
        (["--features", "radial", "--radial", "1.6"], "radial must be pairs"),
        (["--features", "radial", "--radial", "1.6:x"], "--radial takes pairs of numbers, as 1.6:0.5"),
        (["--out", "o.hdf"], "weights files end in .h5"),
        (["--learned", "delta"], "a value of --learned cannot be 'delta'; did you mean 'beta'?"),
    ],
)
def test_wrong_options_are_refused(folder, options, word):
    done = train(folder, *options)
    assert (done.code, word in done.err) == (2, True), done.err


def test_options_win_over_the_file_and_the_file_over_the_defaults(folder, monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "carry_out", lambda made, job: seen.append(made))
    options = ["--tasks", "X4, hop:X6", "--sigma", "0.5", "--widths", "6,4", "--no-noise", "--learned", "alpha,beta"]
    assert train(folder, *options, strategy="ga").code == 0
    changed = LearnedSettings(widths=(6, 4), noise=False, learned=("alpha", "beta"))
    assert seen == [dataclasses.replace(SMALL, strategy="ga", tasks=("X4", "hop:X6"), sigma=0.5, network=changed)]
    assert train(folder, "--outer", "sgd", "--rate", "1", "--sigma-end", "0.5").code == 0
    assert seen[1] == dataclasses.replace(SMALL, outer="sgd", rate=1.0, sigma_end=0.5)
    for strategy in DEFAULTS:
        assert run(folder, "train", strategy, "--out", "p.h5").code == 0
        assert seen[-1] == DEFAULTS[strategy]


def test_a_warm_start_begins_with_the_weights_named_and_owns_up_to_their_training(tmp_path, whole):
    path = tmp_path / "first.h5"
    weights.save(path, weights.LearnedOptimizer(whole.theta, SMALL.network, {"tasks": ["X5"]}))
    warm = dataclasses.replace(SMALL, tasks=("X6",), steps=1, warm_start=str(path))
    np.testing.assert_array_equal(loop.begin(warm).theta, whole.theta)
    trained = train_es(warm)
    assert trained.card["tasks"] == ["X5", "X6"]
    assert 0 < np.abs(trained.theta - whole.theta).max() < 0.1
    stored = tmp_path / "second.checkpoint.h5"
    state = next(loop.train(dataclasses.replace(warm, steps=2), loop.begin(dataclasses.replace(warm, steps=2))))
    checkpoint.save(stored, warm, Checkpoint(state, 1.0))
    path.rename(tmp_path / "moved.h5")
    assert checkpoint.load(stored, warm).state.earlier == ("X5",), "what it goes on from is in the checkpoint"
    (tmp_path / "moved.h5").rename(path)
    with pytest.raises(UsageError, match="warm_start must be text"):
        dataclasses.replace(warm, warm_start=path)
    with pytest.raises(UsageError, match=r"first\.h5' has widths 8, not 24,24: ask for these"):
        loop.begin(dataclasses.replace(warm, network=LearnedSettings()))
    wider = dataclasses.replace(SMALL.network, widths=(9,), features=tuple({*FEATURES} - {"tensors"}))
    assert len(loop.begin(dataclasses.replace(warm, network=wider)).theta) > len(whole.theta)
    blind = dataclasses.replace(SMALL.network, features=("energy",))
    assert 0 < len(loop.begin(dataclasses.replace(warm, network=blind)).theta) < len(whole.theta)
    with pytest.raises(UsageError, match="no optimizer named 'lerned'; did you mean 'learned'"):
        loop.begin(dataclasses.replace(warm, warm_start="lerned"))


def test_training_from_python_writes_nothing_unasked(folder, monkeypatch, capfd, shipped):
    monkeypatch.chdir(folder)
    found = train_es(SMALL)
    np.testing.assert_array_equal(found.theta, shipped.theta)
    one = train_ga(tasks=("X5",), steps=1, clusters=8, pairs=2, trajectory=20, network=SMALL.network)
    assert one.card["training"]["strategy"] == "ga"
    assert names(folder) == {"small.toml"}
    train_ga(dataclasses.replace(SMALL, strategy="ga"), "p.h5", steps=1)
    assert weights.load(folder / "p.h5").card["steps"] == 1
    with pytest.raises(UsageError, match="train_es has no argument 'stepz'; did you mean 'steps'"):
        train_es(SMALL, stepz=3)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(UsageError, match="call train_es"):
        train_ga(SMALL)
    with pytest.raises(UsageError, match="must be a list"):
        train_es(tasks="X13")
