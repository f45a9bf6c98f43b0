"""Numbers and pictures of reports: laws of shapes, of labels and of intervals, and pictures that show what the records say."""

import math
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from ase.cluster import Icosahedron, Octahedron
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.stats import poisson

from clusteropt.pictures import costs, minima, series, shapes, style
from clusteropt.records import shape
from clusteropt.records.costs import Cost, HitRate, Loss, Training
from clusteropt.records.minima import Composition, Course, Level, Minima, Mixed, Mixture, Size
from clusteropt.records.origin import Origin, Units

UNITS = Units("epsilon", "sigma")
SHELLS = {
    13: 12,
    55: 42,
    147: 92,
}  # atoms on the surface of Mackay icosahedra: A. L. Mackay, doi:10.1107/S0365110X6200256X
SHAPES = [Icosahedron("Au", 3).positions, Octahedron("Au", 4).positions]
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(("n", "n_outside"), SHELLS.items())
def test_the_surface_of_an_icosahedron_is_its_outer_shell(n, n_outside):
    shells = {13: 2, 55: 3, 147: 4}
    positions = Icosahedron("Au", shells[n]).positions
    outside = shape.on_surface(positions)
    assert outside.sum() == n_outside
    away = shape.from_centre(positions)
    assert away[outside].min() > away[~outside].max()


def test_atoms_have_the_neighbours_of_their_places():
    numbers = shape.coordination(Icosahedron("Au", 3).positions)
    assert sorted(numbers.tolist()) == [6] * 12 + [8] * 30 + [12] * 13  # vertices, edges, inside


@given(seeds, st.sampled_from(range(len(SHAPES))))
def test_numbers_about_a_shape_do_not_depend_on_its_place_orientation_and_the_order_of_atoms(seed, which):
    rng, positions = np.random.default_rng(seed), SHAPES[which]
    order = rng.permutation(len(positions))
    moved = positions[order] @ Rotation.random(rng=rng).as_matrix().T * 1.7 + rng.uniform(-9, 9, 3)
    assert shape.spacing(moved) == pytest.approx(1.7 * shape.spacing(positions))
    assert (shape.coordination(moved) == shape.coordination(positions)[order]).all()
    assert shape.from_centre(moved) == pytest.approx(1.7 * shape.from_centre(positions)[order])
    assert shape.on_surface(moved).sum() == shape.on_surface(positions).sum()


@given(seeds)
def test_a_radial_distribution_adds_up_to_all_pairs_and_its_first_peak_to_the_neighbours(seed):
    positions = SHAPES[0]
    kinds = np.random.default_rng(seed).choice(["Ag", "Au"], len(positions)).tolist()
    pairs = shape.pair_distances(kinds, positions, np.inf)
    length, n = shape.spacing(positions), len(positions)
    assert sum(map(len, pairs.values())) == n * (n - 1) // 2
    grid = np.linspace(0, 8 * length, 2001)
    density = sum(shape.smoothed(one, grid, 0.02 * length) for one in pairs.values()) * 2 / n
    assert np.trapezoid(density, grid) == pytest.approx(n - 1, rel=1e-3)
    near = grid < 1.2 * length
    assert np.trapezoid(density[near], grid[near]) == pytest.approx(shape.coordination(positions).mean(), rel=1e-3)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30).map(sorted), st.floats(0.01, 2))
def test_labels_keep_their_order_and_distance_and_their_places_where_these_are_free(places, gap):
    found = style.spread(places, gap)
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(found))
    assert np.mean(found) == pytest.approx(np.mean(places)), "no label is moved more than the others ask for"
    if all(b - a >= gap for a, b in pairwise(places)):
        assert found == pytest.approx(places)


@given(st.integers(0, 60), st.integers(1, 10**7))
def test_the_interval_of_evaluations_per_hit_is_that_of_rates_which_the_hits_do_not_refute(n_hits, n_evaluations):
    one = Cost("X13", "learned", n_hits, n_evaluations)
    low, high = one.interval
    assert low < one.per_hit or not n_hits
    assert poisson.cdf(n_hits, n_evaluations / low) == pytest.approx(0.025), (
        "a hit that cost less would bring more hits"
    )
    if n_hits:
        assert poisson.sf(n_hits - 1, n_evaluations / high) == pytest.approx(0.025)
    else:
        assert high == math.inf


def test_excess_energies_are_zero_for_pure_clusters_and_for_what_does_not_mix():
    members = tuple(Mixed("", k, -3.0 * (10 - k) - 2.0 * k) for k in range(11))
    assert [value for _, value in Mixture(("Ag", "Au"), 10, members).excess] == pytest.approx([0] * 11)
    better = (*members[:4], members[4]._replace(energy=members[4].energy - 0.5), *members[5:])
    assert dict(Mixture(("Ag", "Au"), 10, better).excess)[4] == pytest.approx(-0.5)
    assert not Mixture(("Ag", "Au"), 10, members[1:]).excess, "a pure cluster is not known"


def composition(*energies: float, groups: tuple[str, ...] = ()) -> Composition:
    named = [*groups, *[""] * (len(energies) - len(groups))]
    levels = [
        Level(k + 1, e, e - energies[0], g, k + 1, "", 10) for k, (e, g) in enumerate(zip(energies, named, strict=True))
    ]
    return Composition("X7", tuple(levels), (Course(3, (5, 50), (-1.0, energies[0]), 90),))


def words(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_the_ladder_has_a_line_at_each_energy_and_its_point_group():
    figure = minima.ladder(composition(-3.0, -2.5, -2.4, groups=("Oh", "$x", "")), UNITS)
    assert [line.get_ydata()[0] for line in figure.axes[0].lines[::2]] == pytest.approx([0.0, 0.5, 0.6])
    assert {"Oh", "$x", "1", "2", "3", "+0.5000", "reached 2×"} <= {*words(figure)}
    assert "ε" in figure.axes[0].get_ylabel()


def test_the_progress_falls_to_the_lowest_energy_and_goes_on_to_the_end_of_the_search():
    figure = minima.progress(composition(-3.0), UNITS)
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [5, 50, 90]
    assert line.get_ydata().tolist() == [2.0, 0.0, 0.0]


def test_magic_numbers_are_marked_in_the_picture_of_a_series():
    figure = series.series([Size(n, -n * 1.0, 0.1 * n, n == 5) for n in range(3, 9)], UNITS)
    assert words(figure) == ["5"]


def test_a_method_without_a_hit_is_drawn_at_the_lower_end_of_its_interval():
    one, other = Cost("X13", "learned", 20, 1000), Cost("X13", "basin hopping", 0, 1000)
    figure = costs.per_hit([one, other])
    heights = {float(line.get_ydata()[0]) for line in figure.axes[0].lines if len(line.get_ydata()) == 1}
    assert {one.per_hit, other.interval[0]} <= heights


def test_a_training_is_drawn_with_its_losses_its_hits_and_the_weights_that_were_kept():
    figure = costs.course(
        Training((Loss("X7", 1, 0.5), Loss("X7", 2, 0.25)), (HitRate("X7", 2, 0.5), HitRate("X7", 2, 0.75, True)))
    )
    upper, lower = figure.axes
    assert upper.lines[0].get_ydata().tolist() == [0.5, 0.25]
    assert [line.get_ydata()[0] for line in lower.lines] == [50, 75]


def test_the_settings_that_a_user_has_made_for_matplotlib_change_no_picture():
    before = style.content(minima.ladder(composition(-3.0, -2.0), UNITS), ".svg", "x")
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black", "text.usetex": True}):
        assert style.content(minima.ladder(composition(-3.0, -2.0), UNITS), ".svg", "x") == before


def test_colours_differ_for_people_who_cannot_tell_red_from_green():
    """As F. Viénot, H. Brettel and J. D. Mollon compute what they see, Color Res. Appl. 24, 243 (1999)."""
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    blind = {
        "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
        "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    }
    colours = np.array([matplotlib.colors.to_rgb(one) for one in style.PALETTE]) ** 2.2
    for seen in blind.values():
        found = np.clip(colours @ (np.linalg.inv(to_lms) @ seen @ to_lms).T, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(found[:, None] - found, axis=-1)[np.triu_indices(len(found), 1)]
        assert apart.min() > 0.12, "the default colours of matplotlib have 0.04"


def lone(n_evaluations=17, times=1):
    """A minimum that a search found at once."""
    return Composition(
        "X3",
        (Level(1, -3.0, 0.0, "D3h", times, "random start", n_evaluations),),
        (Course(0, (n_evaluations,), (-3.0,), 500),),
    )


def test_the_axis_of_progress_does_not_go_below_the_lowest_energy_where_nothing_was_improved():
    (axes,) = minima.progress(lone(), UNITS).axes
    low, high = axes.get_ylim()
    assert -0.05 * high < low <= 0
    assert all(tick >= 0 for tick in axes.get_yticks() if low <= tick <= high)


@pytest.mark.parametrize("times", [1, 3, 200])
@pytest.mark.parametrize("n_evaluations", [1, 17, 110_000])
def test_the_axes_of_few_hits_have_whole_numbers_and_no_energy_below_the_lowest(times, n_evaluations):
    often, when = minima.hits(lone(n_evaluations, times), UNITS).axes
    for axis in (often.yaxis, when.yaxis):
        low, high = axis.get_view_interval()
        ticks = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
        assert ticks
        assert all(tick == int(tick) for tick in ticks)
    low, high = when.get_xlim()
    assert all(tick > -1e-9 for tick in when.get_xticks() if low <= tick <= high)


def test_the_axis_of_excess_energies_names_the_second_element():
    members = tuple(Mixed(f"Ag{4 - k}Au{k}", k, -1.0 * k) for k in range(5))
    found = Minima("a", UNITS, (), Origin(), mixtures=(Mixture(("Ag", "Au"), 4, members),))
    assert shapes.mixing(found).axes[0].get_xlabel() == "share of Au among the atoms (%)"
