"""Random generators made of seeds, of sequences of seeds and of generators: inside, and of ones from outside."""

import copy
import random

import numpy as np
import pytest

import autodiff
from autodiff import containers
from autodiff.capture.seeds import is_source
from tests.capture.support import ENGINES

KINDS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]


def bits(x):
    return sum(x**k * np.random.Generator(kind(k)).normal() for k, kind in enumerate(KINDS, 1))


def sequence(x):
    return x * np.random.default_rng(np.random.SeedSequence(3)).normal(x)


def children(x):
    total = 0.0
    for seed in np.random.SeedSequence(3).spawn(3):
        total += np.random.default_rng(seed).normal(x) * x
    return total


def children_of_bits(x):
    first, second = np.random.PCG64(3).spawn(2)
    return np.random.Generator(first).normal(x) - x * np.random.Generator(second).normal()


def jumped(x):
    start = np.random.PCG64(3)
    return x * np.random.Generator(start.jumped()).normal() + np.random.Generator(start).normal(x)


def advanced(x):
    start = np.random.PCG64(3)
    start.advance(5)
    return x * np.random.Generator(start).normal()


def words(x):
    return (
        x * np.random.SeedSequence(3).generate_state(2)[1] * 1e-9
        + np.random.PCG64(3).random_raw() * 1e-19
    )


def one_source(x):
    rng = np.random.default_rng(3)
    other = np.random.Generator(rng.bit_generator)
    return x * rng.normal() + other.normal(x) + rng.normal()


def old_kind(x):
    return x * np.random.RandomState(np.random.MT19937(3)).normal()


def attributes(x):
    seed = np.random.SeedSequence(3)
    child = seed.spawn(2)[1]
    return x * seed.entropy + child.spawn_key[0] * x + seed.n_children_spawned


MADE_INSIDE = [
    bits, sequence, children, children_of_bits, jumped, advanced, words, one_source, old_kind, attributes,
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", MADE_INSIDE, ids=lambda f: f.__name__)
def test_what_is_made_of_a_seed_is_made_anew_at_every_call(f, engine) -> None:
    compiled, gradient = (
        autodiff.function(f, engine=engine),
        autodiff.gradient(f, wrt=0, engine=engine),
    )
    for x in (0.7, 0.7, 1.5):
        assert compiled(x) == pytest.approx(f(x), rel=1e-13)
        slope = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        assert gradient(x) == pytest.approx(slope, rel=1e-6)
        assert autodiff.jvp(f, (x,), (1.0,), engine=engine)[1] == pytest.approx(slope, rel=1e-6)


def unseeded(x, seed=None):
    return x * np.random.default_rng(seed).normal()


def unseeded_of_python(x):
    return x * random.Random(None).random()


def unseeded_of_old(x):
    return x * np.random.RandomState(None).normal()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f", [unseeded, unseeded_of_python, unseeded_of_old], ids=lambda f: f.__name__
)
def test_no_seed_gives_other_numbers_at_every_call(f, engine) -> None:
    for call in (autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)):
        assert len({float(call(1.0)) for _ in range(5)}) == 5


def test_the_state_of_a_generator_without_a_seed_is_no_constant() -> None:
    def f(x):
        return x * (np.random.default_rng().bit_generator.state["state"]["state"] % 1000003)

    compiled = autodiff.function(f)
    with pytest.warns(autodiff.FallbackWarning, match="the state of a random generator"):
        first = compiled(1.0)
    assert len({first, *[compiled(1.0) for _ in range(4)]}) > 1


def spawned(x, rng):
    first, second = rng.spawn(2)
    return x * first.normal(x) + second.normal() + rng.normal(x)


def spawned_twice(x, rng):
    (first,) = rng.spawn(1)
    (second,) = rng.spawn(1)
    return x * first.normal() - second.normal(x, 2.0)


def grandchildren(x, rng):
    return sum(g.normal(x) * x for child in rng.spawn(2) for g in child.spawn(2))


def drawn_in_loop(x, rng):
    (child,) = rng.spawn(1)
    total = x
    for _ in range(20):
        total = total * 0.9 + child.normal(x)
    return total


def of_seed(x, seed):
    return x * np.random.default_rng(seed).normal(x)


def of_children_of_seed(x, seed):
    return sum(x * np.random.default_rng(s).normal(x) for s in seed.spawn(3))


def of_bits(x, source):
    return x * np.random.Generator(source).normal() + np.random.default_rng(source).normal(x)


def of_bits_of(x, rng):
    return x * np.random.Generator(rng.bit_generator).normal() + rng.normal()


def of_old_bits(x, source):
    return x * np.random.RandomState(source).normal()


def checked(x, rng):
    """The run fails for a singular matrix after it has drawn, and is made again by Python."""
    (child,) = rng.spawn(1)
    drawn = x * child.normal() + rng.normal()
    try:
        return np.linalg.inv(np.array([[x, 1.0], [1.0, 1.0]]))[0, 0] * drawn
    except np.linalg.LinAlgError:
        return drawn + rng.spawn(1)[0].normal()


FROM_OUTSIDE = [
    *[(f, np.random.default_rng) for f in (spawned, spawned_twice, grandchildren, drawn_in_loop, of_bits_of)],
    (of_seed, np.random.SeedSequence), (of_seed, np.random.PCG64), (of_seed, int),
    (of_children_of_seed, np.random.SeedSequence),
    (of_bits, np.random.PCG64), (of_bits, np.random.Philox), (of_old_bits, np.random.MT19937),
]  # fmt: skip


def after(source):
    """What a source has come to."""
    bits = source.bit_generator if isinstance(source, np.random.Generator) else source
    seed = getattr(bits, "seed_seq", bits)
    return str(getattr(bits, "state", bits)), getattr(seed, "n_children_spawned", 0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("f", "kind"), FROM_OUTSIDE, ids=lambda x: x.__name__)
def test_one_from_outside_is_reached_at_every_call(f, kind, engine) -> None:
    compiled, gradient = (
        autodiff.function(f, engine=engine),
        autodiff.gradient(f, wrt=0, engine=engine),
    )
    kept, kept_plain = kind(8), kind(8)
    for x, seed in ((0.7, 3), (0.7, 4), (1.5, 3), (0.5, None)):
        mine, plain = (kept, kept_plain) if seed is None else (kind(seed), kind(seed))
        for _ in range(2):  # the second time it goes on from where it is
            before = copy.deepcopy(plain)
            assert compiled(x, mine) == pytest.approx(f(x, plain), rel=1e-13)
            assert after(mine) == after(plain)
            low, high = f(x - 1e-6, copy.deepcopy(before)), f(x + 1e-6, copy.deepcopy(before))
            assert gradient(x, before) == pytest.approx((high - low) / 2e-6, rel=1e-6)
            assert after(before) == after(plain)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_fails_leaves_the_children_to_plain_python(engine) -> None:
    compiled = autodiff.function(checked, engine=engine)
    mine, plain = np.random.default_rng(3), np.random.default_rng(3)
    for x in (2.0, 1.0, 2.0, 1.0, 3.0):
        assert compiled(x, mine) == pytest.approx(checked(x, plain), rel=1e-13)
        assert after(mine) == after(plain)


def test_one_function_takes_seeds_of_every_kind() -> None:
    compiled = autodiff.function(of_seed)
    makers = (int, np.random.SeedSequence, np.random.PCG64, np.random.Philox, np.random.default_rng)
    for _ in range(2):
        for kind in makers:
            for seed in (3, 4):
                assert compiled(0.7, kind(seed)) == pytest.approx(of_seed(0.7, kind(seed)))


def seeded_for_everybody(x, seed=3):
    np.random.seed(seed)
    total = x * np.random.normal(x)
    for k in range(3):
        np.random.seed(seed + k)
        total += np.random.uniform(0.0, x)
    return total * np.random.rand()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
def test_the_generator_of_everybody_is_seeded_at_every_call(engine) -> None:
    f = seeded_for_everybody
    compiled = autodiff.function(f, engine=engine)
    gradient = autodiff.gradient(f, wrt=0, engine=engine)
    for x, seed in ((0.7, 3), (0.7, 4), (1.5, 3), (0.7, 3)):
        expected = f(x, seed), np.random.random()
        assert (compiled(x, seed), np.random.random()) == pytest.approx(expected, rel=1e-13)
        slope = (f(x + 1e-6, seed) - f(x - 1e-6, seed)) / 2e-6
        assert gradient(x, seed) == pytest.approx(slope, rel=1e-6)
        assert np.random.random() == expected[1]


def returned(x, rng):
    return np.random.default_rng(3), x


def returned_unseeded(x, rng):
    return [np.random.default_rng(None), x]


def returned_children(x, rng):
    return {"rngs": rng.spawn(2)}, x


def returned_sequence(x, rng):
    return x, np.random.SeedSequence(3).spawn(1)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", [returned, returned_unseeded, returned_children, returned_sequence])
def test_a_generator_in_the_result_is_another_one_at_every_call(f, engine) -> None:
    def sources(result):
        return [x for x in containers.walk(result, is_source) if is_source(x)]

    compiled = autodiff.function(f, engine=engine)
    mine, plain = np.random.default_rng(3), np.random.default_rng(3)
    before: list[object] = []
    for _ in range(3):
        found, expected = sources(compiled(1.0, mine)), sources(f(1.0, plain))
        assert len(found) == len(expected) > 0
        assert not {id(x) for x in found} & {id(x) for x in before}
        before += found
        if f is not returned_unseeded:
            assert [*map(after, found)] == [*map(after, expected)]


def seen_after_a_draw(x, rng):
    drawn = rng.normal()
    return x * drawn + rng.bit_generator.state["state"]["state"] % 7


def decided_by_a_state(x, rng):
    drawn = rng.normal()
    return x * drawn if rng.bit_generator.state["state"]["state"] % 2 else x + drawn


def seen_in_a_loop(x, rng):
    total = 0.0
    for _ in range(4):
        total += x * (rng.bit_generator.state["state"]["state"] % 7)
        total += rng.random()
    return total


def children_counted(x, rng):
    seed = rng.bit_generator.seed_seq
    before = seed.n_children_spawned
    return sum(child.normal() * x for child in rng.spawn(2)) + before + seed.n_children_spawned


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f", [seen_after_a_draw, decided_by_a_state, seen_in_a_loop, children_counted]
)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_the_state_of_a_generator_is_that_after_its_draws(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for seed in (3, 4, 5):
        one, other = np.random.default_rng(seed), np.random.default_rng(seed)
        assert compiled(1.5, one) == f(1.5, other)
        assert one.bit_generator.state == other.bit_generator.state
