"""The scales of a calculator: what an icosahedron tells, where a tetrahedron takes its place, and what is refused."""

import re

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.cluster import Icosahedron
from ase.optimize import BFGS

from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.potentials import sets
from clusteropt.potentials.calculators import known, recipe, scales
from clusteropt.potentials.calculators.here import Here
from clusteropt.potentials.calculators.scales import Found, scales_of

TETRAHEDRON = 2.4 / np.sqrt(8) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


class Some(EMT):
    """EMT that raises an error for clusters of some sizes."""

    def __init__(self, sizes: set[int]) -> None:
        super().__init__()
        self.sizes, self.calls = sizes, 0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        self.calls += 1
        if len(atoms) in self.sizes:
            raise RuntimeError("SCF did not converge")
        super().calculate(atoms, properties, system_changes)


class Unsettled(EMT):
    """EMT that gives clusters of some sizes 50 eV an atom too little."""

    def __init__(self, sizes: set[int]) -> None:
        super().__init__()
        self.sizes = sizes

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        for key in ("energy", "free_energy") if len(atoms) in self.sizes else ():
            self.results[key] -= 50 * len(atoms)


class Pairwise(Calculator):
    """Atoms that attract each other by a strength (eV angstrom) over their distance, or repel where it is negative."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = strength

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        apart = atoms.positions[:, None] - atoms.positions
        inverse = 1 / (np.linalg.norm(apart, axis=-1) + np.diag(np.full(len(atoms), np.inf)))
        forces = -self.strength * (apart * inverse[..., None] ** 3).sum(1)
        self.results = {"energy": -self.strength * inverse.sum() / 2, "forces": forces}


class Level(Calculator):
    """Energies that depend on the number of atoms alone: each after the first one adds a step (eV). Some sizes raise an error."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, step: float, sizes: set[int] = frozenset()) -> None:
        super().__init__()
        self.step, self.sizes = step, sizes

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        if len(atoms) in self.sizes:
            raise RuntimeError("SCF did not converge")
        self.results = {"energy": self.step * (len(atoms) - 1), "forces": np.zeros((len(atoms), 3))}


class Collapsing(EMT):
    """EMT that draws the atoms of an icosahedron together, without a lowest energy."""

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        if len(atoms) == 13:
            pairs = Pairwise(5.0)
            pairs.calculate(atoms)
            self.results |= {"free_energy": pairs.results["energy"], **pairs.results}


class Drifting(EMT):
    """EMT whose energies rise from one evaluation to the next."""

    n_calls = 0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.n_calls += 1
        for key in ("energy", "free_energy"):
            self.results[key] += 0.1 * self.n_calls


def pool(calculator: Calculator, **about: str) -> Here:
    return Here(recipe.Recipe(**{"name": "mine", "place": "my:Own"} | about), calculator)


def relaxed(atoms: Atoms) -> tuple[np.ndarray, float]:
    """The distances within a cluster at the lowest energy by EMT, ascending, and the energy by which an atom is bound there."""
    atoms.pbc, atoms.calc = False, EMT()
    BFGS(atoms, logfile=None).run(fmax=1e-4)
    apart = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
    alone = Atoms(atoms.symbols[:1], calculator=EMT()).get_potential_energy()
    return np.sort(apart), alone - atoms.get_potential_energy() / len(atoms)


def of_icosahedron(element: str) -> tuple[float, float]:
    """Length and energy as the documentation has them: the mean of the 42 bonds, and a fifth of what binds an atom."""
    distances, energy = relaxed(Icosahedron(element, 2))
    return distances[:42].mean(), energy / 5


def of_tetrahedron(element: str) -> tuple[float, float]:
    distances, energy = relaxed(Atoms(f"{element}4", positions=TETRAHEDRON))
    return 1.06 * distances.mean(), energy / 4


@pytest.mark.parametrize("element", ["Cu", "Au"])
def test_the_scales_are_those_of_the_icosahedron_at_its_lowest_energy(element):
    assert np.allclose(scales_of(pool(EMT()), (element,))[:2], of_icosahedron(element), rtol=0.01)


@pytest.mark.parametrize("calculator", [Some({13}), Some({1, 13}), Unsettled({13}), Collapsing()])
def test_a_tetrahedron_sets_the_scales_where_the_icosahedron_cannot(calculator):
    """GFN2-xTB binds an icosahedron of gold by 205 eV an atom, where it settles at all, and a tetrahedron by 1.1."""
    length, energy = scales_of(pool(calculator), ("Cu",))[:2]
    expected = of_tetrahedron("Cu")
    assert length == pytest.approx(expected[0], rel=0.01)
    within = 0.1 if 1 in getattr(calculator, "sizes", ()) else 0.01  # then atoms far apart stand for one alone
    assert energy == pytest.approx(expected[1], rel=within)


@pytest.mark.parametrize("calculator", [Unsettled({4, 13}), Pairwise(20.0), Pairwise(200.0)])
def test_what_binds_by_more_than_any_solid_sets_no_scales(calculator):
    """The pair energies have no bottom: the smallest icosahedron is bound by 45 and 446 eV an atom."""
    words = r"mine binds an icosahedron of Cu by [\d,]+ eV an atom: its electrons do not settle: .*--calculator-scales 2.6,1$"
    with pytest.raises(UsageError, match=words):
        scales_of(pool(calculator), ("Cu",))


@pytest.mark.parametrize(
    ("calculator", "cluster"), [(Level(10.0), "an icosahedron"), (Level(10.0, {13}), "a tetrahedron")]
)
def test_the_cluster_that_is_not_bound_is_named(calculator, cluster):
    with pytest.raises(UsageError, match=rf"mine does not bind {cluster} of Cu, as of molecules: give the length"):
        scales_of(pool(calculator), ("Cu",))


def test_five_elements_have_no_tetrahedron():
    elements = ("Ag", "Au", "Cu", "Ni", "Pd")
    with pytest.raises(UsageError, match=r"an icosahedron of Ag-Au-Cu-Ni-Pd by 5\d eV an atom"):
        scales_of(pool(Unsettled({13})), elements)
    with pytest.raises(UsageError, match=r"of Ag-Au-Cu-Ni-Pd \(RuntimeError: .*\): name another calculator"):
        scales_of(pool(Some({13})), elements)


@pytest.mark.parametrize("calculator", [EMT(), Some({13}), Unsettled({4, 13}), Collapsing()])
def test_scales_that_a_user_gives_are_taken_as_they_are(calculator):
    given = (2.5, 0.6)
    alone = Atoms("Cu", calculator=EMT()).get_potential_energy()
    assert scales_of(pool(calculator), ("Cu",), given) == Found(*given, (alone,))


@pytest.mark.parametrize("strength", [-1.0, 200.0])
def test_scales_of_what_is_bound_too_little_or_too_much_can_be_given(strength):
    """And nothing is computed at another length, nor for a tetrahedron."""
    asked = []

    class Listening(Pairwise):
        def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            asked.append(atoms.get_all_distances()[np.triu_indices(len(atoms), 1)])

    assert scales_of(pool(Listening(strength)), ("H", "O"), (1.0, 4.0)) == Found(1.0, 4.0, (0.0, 0.0))
    assert {(len(one), round(min(one, default=0.0), 12)) for one in asked} == {(0, 0.0), (78, 1.0)}


@pytest.mark.parametrize("given", [None, (2.5, 0.6)])
def test_a_calculator_that_computes_nothing_is_refused_with_its_own_words(given, tmp_path):
    broken = Some({1, 4, 13})
    refusal = r"mine gives no energies and forces of Cu \(RuntimeError: SCF did not converge\): "
    with pytest.raises(UsageError, match=refusal + "name another calculator$"):
        scales_of(pool(broken), ("Cu",), given)
    place, options = recipe.SHORT["mace"].place, '{"model_paths": "--cu.model"}'
    with pytest.raises(UsageError, match=refusal + "correct --cu.model or --calculator-options, or name another"):
        scales_of(pool(broken, place=place, options=options), ("Cu",), given)


def test_a_calculator_that_computes_nothing_is_asked_three_times():
    """For an atom, an icosahedron and a tetrahedron: each question may take as long as a calculator may."""
    broken = Some({1, 4, 13})
    with pytest.raises(UsageError, match="gives no energies"):
        scales_of(pool(broken), ("Cu",))
    assert broken.calls == 3


class Tired(EMT):
    """EMT that fails `often` times in a row for positions that it has computed before."""

    def __init__(self, often: int) -> None:
        super().__init__()
        self.often, self.seen = often, dict[bytes, int]()

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        n = self.seen[atoms.positions.tobytes()] = self.seen.get(atoms.positions.tobytes(), -1) + 1
        if 0 < n <= self.often:
            raise RuntimeError("too tired")
        super().calculate(atoms, properties, system_changes)


def test_a_calculator_that_fails_now_and_then_for_the_same_positions_is_asked_again():
    assert scales_of(pool(Tired(2)), ("Cu",)) == scales_of(pool(EMT()), ("Cu",))
    with pytest.raises(
        ClusterOptError, match=r"failed 3 times for positions .* at last: RuntimeError: too tired: make"
    ):
        scales_of(pool(Tired(3)), ("Cu",))


@pytest.mark.parametrize("given", [None, (2.5, 0.6)])
def test_two_energies_for_the_same_positions_are_refused(given):
    with pytest.raises(ClusterOptError, match=r"mine gives different energies, .* eV, for the same positions"):
        scales_of(pool(Drifting()), ("Cu",), given)


@pytest.mark.parametrize("step", [1.0, 0.0, -1e-7])  # the last by rounding
def test_who_is_asked_for_scales_learns_how_to_give_them(step):
    with pytest.raises(
        UsageError, match=r"of H-O, as of molecules: give the length .*, as --calculator-scales 0\.\d+,4$"
    ):
        scales_of(pool(Level(step)), ("H", "O"))


class Moody(EMT):
    """EMT that fails at every other one of the first `often` positions, of atoms and clusters, that it is asked for."""

    def __init__(self, often: int) -> None:
        super().__init__()
        self.often, self.n_calls = often, 0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        self.n_calls += 1
        if self.n_calls < self.often and self.n_calls % 2:
            raise RuntimeError("SCF did not converge")
        super().calculate(atoms, properties, system_changes)


@pytest.mark.parametrize("often", [2, 24])  # for the atom, and for every other length too
def test_scales_do_not_follow_from_failures_now_and_then(often):
    found, sound = scales_of(pool(Moody(often)), ("Cu",)), scales_of(pool(EMT()), ("Cu",))
    assert np.allclose(found[:2], sound[:2], rtol=5e-4)  # the atoms are displaced by a thousandth of an angstrom
    assert found.missing == ""


def test_failures_beyond_the_lowest_energy_that_is_computed_are_told():
    """The lowest energy may be among them."""

    class Short(EMT):
        def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
            if len(atoms) > 1 and atoms.get_all_distances()[np.triu_indices(len(atoms), 1)].min() > 2.2:
                raise RuntimeError("SCF did not converge")
            super().calculate(atoms, properties, system_changes)

    assert "an icosahedron" in scales_of(pool(Short()), ("Cu",)).missing


class Once(EMT):
    """EMT that fails for the first cluster of each size."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes = set[int]()

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        if len(atoms) not in self.sizes:
            self.sizes.add(len(atoms))
            raise RuntimeError("SCF did not converge")
        super().calculate(atoms, properties, system_changes)


def test_scales_that_a_user_gives_are_those_of_what_is_not_moved_too():
    name = known.use_object(Once(), scales=(2.5, 0.6))
    potential = sets.potential_for(("Cu",), name, moving=False)
    assert (potential.length, potential.energy) == (2.5, 0.6)


def test_failures_now_and_then_do_not_refuse_scales_that_a_user_gives():
    assert scales_of(pool(Once()), ("Cu",), (2.5, 0.6))[:2] == (2.5, 0.6)


@pytest.mark.parametrize("given", [None, (2.5, 0.6)])
@pytest.mark.parametrize("fine", [1, 0])
def test_a_refusal_tells_what_clusters_have_failed_for_too(fine, given):
    class Wordy(EMT):
        def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
            if len(atoms) != fine:
                raise RuntimeError(f"{len(atoms)} do not converge")
            super().calculate(atoms, properties, system_changes)

    words = (
        "RuntimeError: 4 do not converge"
        if fine
        else "RuntimeError: 1 do not converge; RuntimeError: 4 do not converge"
    )
    with pytest.raises(UsageError, match=rf"of Cu \({words}\): name"):
        scales_of(pool(Wordy()), ("Cu",), given)


@pytest.mark.parametrize("seed", range(12))
def test_scales_that_failures_have_changed_say_so(seed):
    """Three of ten evaluations fail, so the shortest lengths may, beside the lowest energy."""
    draws = np.random.default_rng(seed)

    class Random(EMT):
        def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
            if draws.random() < 0.3:
                raise RuntimeError("SCF did not converge")
            super().calculate(atoms, properties, system_changes)

    found, sound = scales_of(pool(Random()), ("Cu",)), scales_of(pool(EMT()), ("Cu",))
    assert found.missing or np.allclose(found[:2], sound[:2], rtol=1e-3)


def test_what_scales_lack_is_told():
    """Atoms alone, or icosahedra around the lowest energy, of which the calculator computes no others nearby either."""

    class Patchy(EMT):
        def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
            if len(atoms) == 13 and 2.4 < atoms.get_all_distances()[np.triu_indices(13, 1)].min() < 2.55:
                raise RuntimeError("SCF did not converge")
            super().calculate(atoms, properties, system_changes)

    why = r"\(RuntimeError: SCF did not converge\)"
    assert re.fullmatch(f"an atom of Cu alone {why}", scales_of(pool(Some({1})), ("Cu",)).missing)
    assert re.fullmatch(f"an icosahedron {why}", scales_of(pool(Patchy()), ("Cu",)).missing)
    assert scales_of(pool(Patchy()), ("Cu",), (2.5, 0.6)).missing == ""
    name = known.use_object(Patchy)
    with pytest.warns(UserWarning, match=r"failed for an icosahedron .* its scales for Cu are rough, .* set them, as"):
        sets.potential_for(("Cu",), name)


def test_scales_do_not_follow_a_garbled_energy():
    lengths = 0.8 * scales._STEP ** np.arange(22)
    energies = 13 * (np.exp(-6 * (lengths - 1.1)) - 2 * np.exp(-3 * (lengths - 1.1)))
    slopes = 13 * lengths * (-6 * np.exp(-6 * (lengths - 1.1)) + 6 * np.exp(-3 * (lengths - 1.1)))
    best = scales._bottom(energies, slopes)
    assert best[1]
    assert abs(lengths[best[0]] - 1.1) < 0.03
    for place in (15, 20, 21):
        garbled, forces = energies.copy(), slopes.copy()
        garbled[place:] -= 3000
        forces[place:] = 900
        assert scales._bottom(garbled, forces) == best
        garbled[place - 1] = forces[place - 1] = np.nan
        assert scales._bottom(garbled, forces) == best
    assert scales._bottom(np.array([np.nan, 2.0]), np.array([np.nan, 0.0])) == (1, False)
