"""Words that messages share."""

import pytest

from clusteropt.errors import in_a_line
from clusteropt.words import counted, listed, numbered


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "structure", "0 structures"),
        (1, "structure", "1 structure"),
        (2, "structure", "2 structures"),
        (2000, "file", "2,000 files"),
        (1, "process", "1 process"),
        (3, "process", "3 processes"),
        (2, "batch", "2 batches"),
        (1, "new minimum", "1 new minimum"),
        (0, "minimum", "0 minima"),
    ],
)
def test_one_is_singular_and_all_else_plural(count, noun, text):
    assert counted(count, noun) == text
    assert numbered(count, noun) == text.partition(" ")[2]


def test_names_beyond_the_first_are_counted():
    assert [listed(["a", "b", "c"], most) for most in (1, 2, 3)] == ["a and 2 more", "a, b and 1 more", "a, b, c"]


@pytest.mark.parametrize("most", range(12, 60))
def test_the_text_of_an_error_is_cut_between_words(most):
    words = ["no", "option", "'spin';", "there", "are", "max-iterations,", "method"]
    told = in_a_line(ValueError("no option 'spin';\n  there are max-iterations, method"), most).split()
    assert len(" ".join(told)) <= most
    assert told == words or (told[:-1] == words[: len(told) - 1] and told[-1] == "...")
