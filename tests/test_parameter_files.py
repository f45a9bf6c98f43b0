"""Parameter files of the user's own: what is wrong is said with file, problem and cure, and nothing is silently ignored."""

from pathlib import Path

import numpy as np
import pytest
from helpers import structure, user_file, value

from clusteropt.cli import potentials as command
from clusteropt.errors import ExitCode, InputError, UsageError
from clusteropt.potentials import sets

GOLD = """form = "gupta"
elements = ["Au"]
units = {energy = "eV", length = "angstrom"}
source = "a test"
[pairs.Au-Au]
A = 0.2061
xi = 1.79
p = 10.229
q = 4.036
r0 = 2.884289
"""


def complaint(folder: Path, text: str) -> str:
    """The message about a file with that text; that it names the file is taken for granted."""
    path = user_file(folder, text)
    with pytest.raises(InputError) as caught:
        sets.load(path)
    assert caught.value.exit_code == ExitCode.INPUT
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_a_file_of_the_users_own_computes_as_the_shipped_set_does(tmp_path: Path) -> None:
    own, shipped = (sets.load(n).potential(("Au",)) for n in (user_file(tmp_path, GOLD), "gupta-cleri-rosato"))
    assert own.name == "own"
    pair = structure([[0, 0, 0], [0, 0, 2.5]])
    assert value(own, pair).energy == value(shipped, pair).energy


@pytest.mark.parametrize("name", sets.names())
def test_a_copy_of_a_shipped_file_is_a_valid_file(name: str, tmp_path: Path) -> None:
    own = sets.load(user_file(tmp_path, sets.text_of(name), f"{name}.toml"))
    assert own == sets.load(name)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("elements", "elemnts", "unknown key 'elemnts'; did you mean 'elements'? allowed: default_for, doi"),
        ('form = "gupta"', "", "the key 'form' is missing"),
        ('source = "a test"', "", "the key 'source' is missing"),
        (
            '"gupta"',
            '"gupa"',
            "unknown form 'gupa'; did you mean 'gupta'? allowed: gupta, lennard-jones, morse, stillinger-weber",
        ),
        ('"eV"', '"kcal/mol"', "units must be one of"),
        (
            "xi =",
            "xii =",
            "[pairs.Au-Au] unknown parameter 'xii'; did you mean 'xi'? allowed: A, cutoff, onset, p, q, r0, xi",
        ),
        ("xi = 1.79\n", "", "[pairs.Au-Au] the parameter 'xi' is missing"),
        ("xi = 1.79", "xi = -1.79", "[pairs.Au-Au] xi must be positive, got -1.79"),
        ("xi = 1.79", "xi = 0", "[pairs.Au-Au] xi must be positive, got 0"),
        ("xi = 1.79", "xi = nan", "[pairs.Au-Au] xi must be a finite number, got nan"),
        ("xi = 1.79", 'xi = "1.79"', "[pairs.Au-Au] xi must be a finite number, got '1.79'"),
        ("xi = 1.79", "xi = true", "[pairs.Au-Au] xi must be a finite number, got True"),
        ("r0 = 2.884289", "r0 = 2.9\nonset = 4.0", "[pairs.Au-Au] onset and cutoff go together, onset below cutoff"),
        ("r0 = 2.884289", "r0 = 2.9\ncutoff = 5.0", "[pairs.Au-Au] onset and cutoff go together, onset below cutoff"),
        ("r0 = 2.884289", "r0 = 2.9\nonset = 5.0\ncutoff = 4.0", "onset and cutoff go together, onset below cutoff"),
        ("[pairs.Au-Au]", "[pairs.Au-Cu]", "'Au-Cu' must name 2 of the set's elements joined by '-': Au"),
        ('["Au"]', '["Au", "Cu"]', "[pairs.Cu-Cu] is missing"),
        ("[pairs", "[[pairs", "not a TOML file"),
        ("source", 'doubtful = "perhaps"\ndefault_for = ["Au"]\nsource', "a doubtful set is never a default"),
        ("source", 'mixing = "lorentz-berthelot"\nsource', "mixing of a whole set belongs to form lennard-jones"),
        (
            "source",
            "onset = 4.0\ncutoff = 5.0\nsource",
            "belong to form lennard-jones, not gupta; gupta has them with its",
        ),
        ("[pairs", "[triples.Au-Au-Au]\nepsilon = 1\n[pairs", "[triples] belong to form stillinger-weber, not gupta"),
    ],
)
def test_a_wrong_file_is_refused_with_problem_and_cure(old: str, new: str, problem: str, tmp_path: Path) -> None:
    assert old in GOLD
    assert problem in complaint(tmp_path, GOLD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["Au"]', "3"),
        ('["Au"]', "[3]"),
        ('"gupta"', '["gupta"]'),
        ("source", "default_for = 3\nsource"),
        ("[pairs.Au-Au]", "[pears.Au-Au]"),
        ("[pairs.Au-Au]", "pairs = 3\n[notes]"),
        ("[pairs.Au-Au]", "pairs.Au-Au = 3\n[notes]"),
        ("source", "triples = 3\nsource"),
        ("1.79", "9" * 400),
    ],
)
def test_values_of_the_wrong_kind_are_refused_as_every_other_mistake(old: str, new: str, tmp_path: Path) -> None:
    assert complaint(tmp_path, GOLD.replace(old, new, 1))


@pytest.mark.parametrize("elements", ['"gold"', '"au"', '"Zz"', '"Au", "Au"'])
def test_elements_are_chemical_symbols_each_named_once(elements: str, tmp_path: Path) -> None:
    text = GOLD.replace('"Au"', elements) if "," in elements else GOLD.replace("Au", elements.strip('"'))
    assert "elements" in complaint(tmp_path, text)


@pytest.mark.parametrize("name", ["gupta-cleri-rosato", "sw-si"])
def test_a_cutoff_for_the_whole_set_is_not_silently_ignored(name: str, tmp_path: Path) -> None:
    """Gupta has cutoffs with its pairs and Stillinger-Weber by its form; only Lennard-Jones knows one for the whole set."""
    assert "cutoff" in complaint(tmp_path, f"onset = 5.0\ncutoff = 6.0\n{sets.text_of(name)}")


def test_a_set_that_binds_nothing_is_refused(tmp_path: Path) -> None:
    """Twenty times too much repulsion (another convention for A, say) makes every tolerance negative."""
    assert complaint(tmp_path, GOLD.replace("A = 0.2061", "A = 4.122"))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("lambda", "lamda", "[triples.Ga-Ga-Ga] needs exactly epsilon, lambda and cos_theta0"),
        ("cos_theta0 = -0.3333333333333333", "cos_theta0 = -0.5", "all triples must have the same cos_theta0"),
        (
            "[triples.N-Ga-N]",
            "[triples.N-N-Ga]\nepsilon = 1.0\nlambda = 1.0\ncos_theta0 = 1.0\n[triples.N-Ga-N]",
            "mirror",
        ),
        ("[triples.N-Ga-N]", "[triples.N-Ga]", "'N-Ga' must name 3 of the set's elements"),
    ],
)
def test_wrong_triples_are_refused(old: str, new: str, problem: str, tmp_path: Path) -> None:
    text = sets.text_of("sw-gan")
    assert old in text
    assert problem in complaint(tmp_path, text.replace(old, new, 1))


def test_missing_triples_are_named(tmp_path: Path) -> None:
    text = sets.text_of("sw-gan").split("[triples.N-Ga-Ga]")[0]
    assert "[triples.Ga-Ga-N] is missing (the centre comes first)" in complaint(tmp_path, text)


def test_either_every_pair_of_an_alloy_has_a_cutoff_or_none(tmp_path: Path) -> None:
    text = sets.text_of("gupta-ag-cu").replace("onset = 3.62038672\ncutoff = 4.434050067376326\n", "")
    assert "some pairs have a cutoff and others do not" in complaint(tmp_path, text)


def test_a_pair_given_twice_is_refused(tmp_path: Path) -> None:
    twice = "[pairs.Ne-Ar]\nepsilon = 1\nsigma = 1\n[pairs.Ar-Ne]\nepsilon = 1\nsigma = 1\n"
    assert "[pairs.Ar-Ne] stands twice" in complaint(tmp_path, sets.text_of("lj-noble-gases") + twice)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(b"source = \xff\xfe\n")
    with pytest.raises(InputError, match=r"own\.toml: not a TOML file"):
        sets.load(str(path))


def test_a_file_that_does_not_exist_is_a_wrong_argument(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such parameter file: check the name"):
        sets.load(str(tmp_path / "none.toml"))


def test_check_says_what_a_sound_file_contains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.check(Path(user_file(tmp_path, GOLD)))
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("own.toml: gupta for Au, eV and angstrom: all well")
    scale = (np.sqrt(12) * 1.79 - 12 * 0.2061) / 6
    assert second.split() == f"Au: energy scale {scale:.6g} eV, length scale 2.88429 angstrom".split()


def test_check_raises_what_loading_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"own\.toml: .*xi must be positive"):
        command.check(Path(user_file(tmp_path, GOLD.replace("1.79", "-1.79"))))
    with pytest.raises(InputError, match="no such file: check the name"):
        command.check(tmp_path / "none.toml")
    assert capsys.readouterr().out == ""
