"""`checkpoint`: the same values and derivatives, and memory that grows with the root of the length."""

import pickle

import numpy as np
import pytest

import autodiff
from autodiff import checkpoint
from autodiff.dims import Dim
from autodiff.ir import walk

ENGINES = ("numpy", "native")
over_engines = pytest.mark.parametrize("engine", ENGINES)


def marked(items):
    return checkpoint(items)


def unmarked(items):
    return items


# Each is one function of a loop's items `over`, with and without the mark.
def heat(over):
    def f(u, n):
        for _ in over(range(n)):
            u = u + 0.1 * np.sin(np.roll(u, 1) - 2 * u + np.roll(u, -1))
        return np.sum(u**2)

    return f


def stores(over):
    def f(x, n):
        y = np.zeros(n + 1)
        for i in over(range(1, n + 1)):
            y[i] = 0.9 * np.sin(y[i - 1]) + x[i % 5]
        return np.sum(y * y)

    return f


def appends(over):
    def f(x, n):
        out, s = [], 1.0
        for k in over(range(n)):
            s = 0.5 * s + np.sin(x[k % 5]) * s
            out.append(s)
        return np.sum(np.array(out) ** 2) + s

    return f


def rows(over):
    def f(x, n):
        total, table = np.zeros(5), np.outer(np.arange(1.0, n + 1), x)
        for i, row in over(enumerate(table)):
            total = np.tanh(total + row / (i + 1))
        return np.sum(total * x)

    return f


def branches(over):
    def f(x, n):
        v = x[0]
        for k in over(range(n)):
            if v > 1.0:
                v = v * np.cos(v)
                continue
            v = v + x[k % 5] ** 2
        return v

    return f


def nested(over):
    def f(x, n):
        s = 0.0
        for i in over(range(n)):
            t = x[i % 5]
            for j in over(range(n + i)):
                t = np.sin(t) + 0.01 * j
            s = s + t * t
        return s

    return f


def searching_inside(over):
    def f(x, n):
        s = 0.0
        for i in over(range(n)):
            r = x[i % 5] ** 2 + 1.0
            while r > 0.5:
                r = r * 0.7 * np.cos(0.1 * r)
            s = s + r
        return s

    return f


FUNCTIONS = [heat, stores, appends, rows, branches, nested, searching_inside]
X = np.array([0.3, -0.7, 1.1, 0.4, 0.9])


@over_engines
@pytest.mark.parametrize("make", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_derivatives_are_those_of_the_loop_without_the_mark(make, engine):
    ours, theirs = make(marked), make(unmarked)
    value = autodiff.function(ours, engine=engine)
    gradients = [autodiff.gradient(f, wrt=0, engine=engine) for f in (ours, theirs)]
    for n in (1, 2, 8, 9, 10, 25, 40, 0):  # of one compiled object: the length becomes a symbol
        assert value(X, n) == pytest.approx(theirs(X, n), rel=1e-13)
        found, expected = [g(X, n) for g in gradients]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    fixed, plain = (lambda x: ours(x, 12)), (lambda x: theirs(x, 12))
    autodiff.check_gradient(fixed, X, engine=engine)
    for transform in (autodiff.hessian, autodiff.jacobian):
        np.testing.assert_allclose(
            transform(fixed, engine=engine)(X),
            transform(plain, engine=engine)(X),
            rtol=1e-10,
            atol=1e-12,
        )


@pytest.mark.parametrize("length", [100, 10_000])
def test_what_is_kept_grows_with_the_root_of_the_length(length):
    def f(x):
        y = x[0]
        for k in checkpoint(range(length)):
            y = np.sin(y) + 0.001 * k
        return y

    program = autodiff.gradient(f).ir(X)
    kept = [
        v.shape[0]
        for operation in walk(program.block)
        if operation.kind == "for"
        for v in operation.results
        if v.shape
    ]
    assert kept
    assert max(kept) == round(length**0.5)


def test_effects_happen_once(capsys):
    def f(x):
        y = x[0]
        for k in checkpoint(range(10)):
            print(f"{k}: {y:.3f}")
            y = np.sin(y) + x[1]
        return y

    autodiff.gradient(f)(X)
    found = capsys.readouterr().out
    f(X)
    assert found == capsys.readouterr().out


# -- loops that draw ---------------------------------------------------------------------------------
def noisy(over):
    def f(x, rng):
        y = x[0]
        for k in over(range(20)):
            y = np.sin(y) * x[1] + rng.normal() * x[k % 5]
        return y

    return f


def by_the_state(over):
    def f(x, rng):
        y = x[0]
        for _ in over(range(20)):
            jumps = rng.poisson(1 + np.exp(-y * y))
            y = np.sin(y) * x[1] + 0.1 * jumps * np.cos(y) + 0.1 * rng.gamma(1 + y * y)
        return y

    return f


def stored(over):
    def f(x, rng):
        y, out = x * 1.0, np.zeros(20)
        for k in over(range(20)):
            noise = rng.normal(size=5)
            if y[0] > 0:
                y = y * 1.1
            y = np.sin(y) * x[1] + noise * x[k % 5]
            out[k] = y[1]
        return np.sum(out * out)

    return f


def told(over):
    def f(x, rng):
        y = x[0]
        for k in over(range(12)):
            noise = rng.random()
            print(k, noise, f"{y:.6f}")
            y = np.sin(y) * x[1] + noise * y
        return y

    return f


@pytest.mark.parametrize("engine", ["native", pytest.param("numpy", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "make",
    [noisy, *(pytest.param(f, marks=pytest.mark.slow) for f in (by_the_state, stored, told))],
)
def test_what_was_drawn_is_not_drawn_again(make, engine, capsys):
    """The numbers are those of the loop without the mark, and so is what the generator gives next."""
    for transform in (autodiff.gradient, autodiff.hessian):
        found = []
        for over in (marked, unmarked):
            rng = np.random.default_rng(3)
            value = transform(make(over), wrt="x", engine=engine)(X, rng)
            found.append((value, rng.random(), capsys.readouterr().out))
        (ours, after, text), (theirs, expected_after, expected_text) = found
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
        assert (after, text) == (expected_after, expected_text)


def test_of_loops_that_draw_what_is_drawn_is_kept_alone():
    def f(x, rng):
        y = x * 1.0
        for _ in checkpoint(range(100)):
            y = np.sin(y) * x + rng.normal()
        return np.sum(y)

    program = autodiff.gradient(f, wrt="x").ir(X, np.random.default_rng(0))
    kept = [v.shape for op in walk(program.block) for v in op.results if v.shape and op.regions]
    assert (100,) in kept  # the draws
    assert (100, 5) not in kept  # the states
    assert (10, 5) in kept


# -- within a budget -----------------------------------------------------------------------------------
def kept_bytes(transformed, *args):
    """The work memory of a call, which is that of the tape but for a few arrays."""
    text = str(transformed.explain(*args))
    return int(text.split("memory  ")[1].split()[0].replace(",", ""))


def diffusion(u, n):
    for _ in range(n):
        u = u + 0.1 * np.sin(np.roll(u, 1) - 2 * u + np.roll(u, -1))
    return np.sum(u**2)


FIELD = np.sin(np.arange(1000.0))


@pytest.mark.parametrize(
    ("rows", "segments"),
    [
        (100, 1),
        *(pytest.param(*row, marks=pytest.mark.slow) for row in ((1000, 0), (40, 2), (25, 3))),
    ],
)
def test_a_budget_is_kept_by_as_many_segments_as_it_takes(rows, segments):
    plain = autodiff.gradient(diffusion, wrt="u")
    thrifty = autodiff.gradient(diffusion, wrt="u", checkpoint="auto", memory=rows * 8000)
    np.testing.assert_allclose(thrifty(FIELD, 1000), plain(FIELD, 1000), rtol=1e-12, atol=1e-14)
    # Beside the tape there are some ten arrays of that length.
    assert kept_bytes(thrifty, FIELD, 1000) <= (rows + 10) * 8000
    assert kept_bytes(plain, FIELD, 1000) >= 1000 * 8000

    def depth(block):
        return max((1 + depth(r) for op in block.operations for r in op.regions), default=0)

    backwards = depth(thrifty.ir(FIELD, 1000).block)
    assert backwards == 1 + segments


def test_a_call_of_other_sizes_is_within_the_budget_too():
    thrifty = autodiff.gradient(diffusion, wrt="u", checkpoint="auto", memory=200 * 8000)
    for n, made in ((100, 1), (150, 1), (3000, 2), (120, 2), (5000, 2)):
        expected = autodiff.gradient(diffusion, wrt="u")(FIELD, n)
        np.testing.assert_allclose(thrifty(FIELD, n), expected, rtol=1e-12, atol=1e-14)
        assert len(thrifty.cache) == made


@pytest.mark.slow
def test_a_budget_that_is_too_small_is_an_error_that_says_how_much_it_takes():
    thrifty = autodiff.gradient(diffusion, wrt="u", checkpoint="auto", memory=5 * 8000)
    with pytest.raises(autodiff.errors.MemoryBudgetError) as caught:
        thrifty(FIELD, 1000)
    text = str(caught.value)
    assert text.startswith("AD307: the way back of the derivative keeps ")
    assert "bytes, also where its loops are in segments, and memory=40,000 is less." in text
    assert "for _ in range(n):" in text


@pytest.mark.slow
def test_the_budget_is_a_quarter_of_the_machine_by_default():
    thrifty = autodiff.gradient(diffusion, wrt="u", checkpoint="auto")
    plain = autodiff.gradient(diffusion, wrt="u")
    assert str(thrifty.ir(FIELD, 50)) == str(plain.ir(FIELD, 50))


def two_loops(x, n):
    small, large = x[0], np.outer(x, x)
    for k in range(n):
        small = np.sin(small) + x[k % 5]
    for _ in range(n):
        large = np.tanh(large * x)
    return small * np.sum(large)


def loop_in_a_loop(x, n):
    y = x * 1.0
    for i in range(n):
        for j in range(n + i):
            y = np.sin(y) + 0.01 * j
        y = y * x
    return np.sum(y)


def until_settled(x, n):
    y, k = x * 1.0, 0
    while np.max(np.abs(np.cos(0.7 * y) + 0.1 * x - y)) > 1e-6 and k < n:
        y = np.cos(0.7 * y) + 0.1 * x
        k += 1
    return np.sum(y**2)


def with_draws(x, n):
    rng = np.random.default_rng(5)
    y = x * 1.0
    for _ in range(n):
        y = np.sin(y) * x + 0.1 * rng.normal()
    return np.sum(y)


def slope_beside_the_value(f, **options):
    both = autodiff.value_and_gradient(f, **options)
    return lambda *args: both(*args)[1]


def rows_in_reverse(f, **options):
    return autodiff.jacobian(f, mode="reverse", **options)


@pytest.mark.parametrize(
    "transform",
    [
        autodiff.gradient,
        *(
            pytest.param(t, marks=pytest.mark.slow)
            for t in (autodiff.hessian, slope_beside_the_value, rows_in_reverse)
        ),
    ],
)
@pytest.mark.parametrize(
    "f",
    [
        loop_in_a_loop,
        *(pytest.param(f, marks=pytest.mark.slow) for f in (two_loops, until_settled, with_draws)),
    ],
)
def test_derivatives_within_a_budget_are_those_without(f, transform):
    expected = transform(f, wrt="x")(X, 60)
    for memory in (10**9, 20_000):
        found = transform(f, wrt="x", checkpoint="auto", memory=memory)(X, 60)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_derivative_inside_of_a_function_has_segments_everywhere():
    def around(x):
        return autodiff.gradient(diffusion, wrt="u", checkpoint="auto", memory=10**6)(x, 100)[0]

    expected = autodiff.gradient(diffusion, wrt="u")(X, 100)[0]
    assert autodiff.function(around)(X) == pytest.approx(expected, rel=1e-12)
    kept = [op for op in walk(autodiff.function(around).ir(X).block) if op.kind == "for"]
    assert max(v.shape[0] for op in kept for v in op.results if len(v.shape) == 2) == 10


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"checkpoint": "often"}, "AD102: checkpoint='often' is not known."),
        ({"memory": 10**9}, 'AD101: memory is for checkpoint="auto".'),
        ({"checkpoint": "auto", "memory": "1 GiB"}, "AD101: memory='1 GiB' is no number of bytes."),
        ({"checkpoint": "auto", "memory": 0}, "AD101: memory=0 is no number of bytes."),
    ],
)
def test_what_is_no_budget_is_refused(options, text):
    with pytest.raises((TypeError, ValueError)) as caught:
        autodiff.gradient(diffusion, **options)
    assert text in str(caught.value)


def test_a_value_has_no_budget():
    with pytest.raises(TypeError, match="function has no option 'checkpoint'"):
        autodiff.function(diffusion, checkpoint="auto")


@pytest.mark.slow
def test_a_budget_is_kept_by_copies():
    thrifty = autodiff.gradient(diffusion, wrt="u", checkpoint="auto", memory=100 * 8000)
    again = pickle.loads(pickle.dumps(thrifty))
    assert kept_bytes(again, FIELD, 1000) == kept_bytes(thrifty, FIELD, 1000)


# -- loops whose length is not known ---------------------------------------------------------------
def broken_off(over):
    def f(x):
        y = x[0]
        for k in over(range(1000)):
            y = np.sin(y) * 1.01 + x[k % 5] * 0.01
            if y > 0.9:
                break
        return y * y + k

    return f


def returned(over):
    def f(x):
        y = x[0]
        for k in over(range(500)):
            y = y + np.exp(-y) * x[1] ** 2 * 0.1
            if y > 3:
                return y * k
        return -y

    return f


def settled(mark):
    def f(x):
        error, y, n = 1.0, x * 1.0, 0
        while mark(error > 1e-3):
            z = np.cos(y * 0.7) + 0.1 * x
            error = np.max(np.abs(z - y))
            y = z
            n += 1
        return np.sum(y**2) * n

    return f


def grown(mark):
    def f(x):
        y, n, out = x[1], 0, np.zeros(200)
        while mark(n < 200 and y < 50.0):
            y = y * 1.02 + np.sin(x[n % 5])
            out[n] = y
            if y > 40.0:
                break
            n += 1
        return y + np.sum(out[:n:7])

    return f


def within_another(mark):
    def f(x):
        total = 0.0
        for k in range(3):
            y = x[k]
            while mark(y < 20.0):
                y = y * 1.1 + x[k + 1] ** 2
            total = total + y
        return total

    return f


@pytest.mark.parametrize("engine", ["native", pytest.param("numpy", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "make",
    [
        settled,
        *(
            pytest.param(f, marks=pytest.mark.slow)
            for f in (broken_off, returned, grown, within_another)
        ),
    ],
)
def test_loops_that_end_early_are_in_segments_too(make, engine):
    fixed, plain = make(marked), make(unmarked)
    for x in (X, X[::-1].copy(), 3 * X):
        np.testing.assert_allclose(autodiff.function(fixed, engine=engine)(x), plain(x), rtol=1e-12)
        for transform in (autodiff.gradient, autodiff.hessian):
            np.testing.assert_allclose(
                transform(fixed, engine=engine)(x),
                transform(plain, engine=engine)(x),
                rtol=1e-10,
                atol=1e-12,
            )


@pytest.mark.parametrize(
    "make",
    [broken_off, *(pytest.param(f, marks=pytest.mark.slow) for f in (returned, settled, grown))],
)
def test_no_segment_keeps_its_iterations_on_the_way_forwards(make):
    block = autodiff.gradient(make(marked)).ir(X).block
    outer = next(op for op in block.operations if op.kind == "while")
    inner = [op for op in walk(outer.regions[1]) if op.kind == "while"]
    assert len(inner) == 1
    assert all(not v.shape or not isinstance(v.shape[0], Dim) for v in inner[0].results)
    # Without the mark that very loop has a row for each iteration.
    (plain,) = [
        op for op in autodiff.gradient(make(unmarked)).ir(X).block.operations if op.kind == "while"
    ]
    assert any(v.shape and isinstance(v.shape[0], Dim) for v in plain.results)


@pytest.mark.slow
def test_lanes_of_a_marked_loop():
    f = settled(marked)
    batch = np.stack([X, 2 * X, X[::-1]])
    found = autodiff.vmap(autodiff.gradient(f))(batch)
    np.testing.assert_allclose(found, [autodiff.gradient(settled(unmarked))(x) for x in batch])


def test_a_marked_condition_is_itself():
    assert checkpoint(True) is True
    assert checkpoint(np.False_) is np.False_


def test_in_plain_python_nothing_happens():
    items = range(3)
    assert checkpoint(items) is items
    assert [x for x in checkpoint([1.0, 2.0])] == [1.0, 2.0]

    def early(x):
        for k in checkpoint(range(20)):
            x = x * 1.5
            if x > 10.0:
                break
        return x + k

    for x in (0.01, 1.0, 100.0):
        assert autodiff.function(early)(x) == early(x)
        autodiff.check_gradient(early, x)


@pytest.mark.parametrize(("wrong", "kind"), [(np.sin, "ufunc"), (3, "int"), (len, "builtin")])
def test_what_is_no_sequence_is_refused(wrong, kind):
    with pytest.raises(TypeError, match=f"checkpoint takes what a loop goes through, not a {kind}"):
        checkpoint(wrong)
