"""Events and ``dense_output`` of ``solve_ivp``: values as SciPy's, derivatives of the moments and the states there."""

import numpy as np
import pytest
import scipy.integrate as si

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
TIGHT = {"rtol": 1e-9, "atol": 1e-9}
G = 9.81


def lands(t, y):
    return y[0]


lands.terminal = True
lands.direction = -1


def falling(height, speed, **options):
    return si.solve_ivp(
        lambda t, y: [y[1], -G], (0.0, 20.0), [height, speed], events=lands, **TIGHT, **options
    )


def time_of_fall(p):
    return falling(p[0], p[1]).t_events[0][0]


def speed_at_the_end(p):
    found = falling(p[0], p[1])
    return found.y[1, -1] + found.y_events[0][0, 1]


def bounces(p):
    """The moment of the third bounce: each starts where the last event was."""
    height, speed, begin = p[0], 0.0, 0.0
    for _ in range(3):
        found = falling(height, speed)
        begin = begin + found.t_events[0][0]
        height, speed = 0.0, -p[1] * found.y_events[0][0, 1]
    return begin


def decay(p, event, **options):
    return si.solve_ivp(
        lambda t, y: [-p[0] * y[0]], (0.0, 4.0), [1.0], events=event, **TIGHT, **options
    )


def halving(p):
    """An event that reads what is differentiated, and does not end the integration."""
    found = decay(p, lambda t, y: y[0] - p[1])
    return found.t_events[0][0] + found.y[0, -1]


def stopped_among_given_times(p):
    def low(t, y):
        return y[0] - p[1]

    low.terminal = True
    found = decay(p, low, t_eval=np.linspace(0, 4, 9))
    return np.sum(found.y) + found.t_events[0][0] if found.status == 1 else -1.0


def never(p):
    found = decay(p, lambda t, y: y[0] + 1.0)
    return found.y[0, -1] + len(found.t_events[0])


def swings(p, *events, **options):
    return si.solve_ivp(
        lambda t, y: [y[1], -p[0] * y[0]],
        (0, 7.0),
        [1.0, 0.0],
        events=list(events),
        **TIGHT,
        **options,
    )


def several(p):
    found = swings(p, lambda t, y: y[0], lambda t, y: y[1] - 0.1 * p[1])
    return np.sum(found.t_events[0]) + found.t_events[1][0] + np.sum(found.y_events[0][:, 1])


def second_time(p):
    def through(t, y):
        return y[0]

    through.terminal = 2
    found = swings(p, through)
    return found.t[-1] * p[1]


def at_a_time(p):
    def now(t, y):
        return t - p[1]

    now.terminal = True
    return decay(p, now).y[0, -1]


def in_between(p):
    found = swings(p, dense_output=True)
    return np.sum(found.sol(np.array([2.0, 0.3, 1.1]) * p[1])[0]) + found.sol(p[1])[0]


def backwards(p):
    found = si.solve_ivp(
        lambda t, y: [-p[0] * y[0]], (2.0, 0.0), [0.3], events=lambda t, y: y[0] - p[1],
        dense_output=True, **TIGHT,
    )  # fmt: skip
    return found.t_events[0][0] + found.sol(1.2)[0]


def stiff(p):
    def low(t, y):
        return y[0] - 0.5 * p[1]

    found = si.solve_ivp(
        lambda t, y: [-p[0] * y[0] + y[1], -500.0 * y[1]], (0, 3.0), [1.0, 1.0], method="Radau",
        events=low, **TIGHT,
    )  # fmt: skip
    return found.t_events[0][0]


def swing(w, t):
    return np.cos(np.sqrt(w) * t)


# Each entry: a function of two numbers, and the same in closed form.
CALLS = {
    "time of fall": (time_of_fall, lambda p: (p[1] + np.sqrt(p[1] ** 2 + 2 * G * p[0])) / G),
    "speed": (speed_at_the_end, lambda p: -2 * np.sqrt(p[1] ** 2 + 2 * G * p[0])),
    "bounces": (bounces, lambda p: np.sqrt(2 * p[0] / G) * (1 + 2 * p[1] + 2 * p[1] ** 2)),
    "not terminal": (halving, lambda p: -np.log(p[1]) / p[0] + np.exp(-4 * p[0])),
    "given times": (
        stopped_among_given_times,
        lambda p: sum(np.exp(-p[0] * t) for t in (0, 0.5, 1.0)) - np.log(p[1]) / p[0],
    ),
    "never": (never, lambda p: np.exp(-4 * p[0])),
    "several": (
        several,
        lambda p: (
            np.pi * (0.5 + 1.5) / np.sqrt(p[0])
            + (np.pi + np.arcsin(0.1 * p[1] / np.sqrt(p[0]))) / np.sqrt(p[0])
        ),
    ),
    "second time": (second_time, lambda p: 1.5 * np.pi / np.sqrt(p[0]) * p[1]),
    "at a time": (at_a_time, lambda p: np.exp(-p[0] * p[1])),
    "in between": (
        in_between,
        lambda p: sum(swing(p[0], k * p[1]) for k in (2.0, 0.3, 1.1, 1.0)),
    ),
    "backwards": (
        backwards,
        lambda p: 2 - np.log(p[1] / 0.3) / p[0] + 0.3 * np.exp(0.8 * p[0]),
    ),
    "stiff": (
        stiff,
        lambda p: np.log((1 + 1 / (500 - p[0])) / (0.5 * p[1])) / p[0],
    ),
}
POINT = np.array([0.7, 0.45])
SAMPLE = {"at a time"}
ROWS = [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.slow) for n in CALLS]


def slopes(f, p, h=1e-4):
    along = h * np.eye(2)
    return np.array(
        [(8 * (f(p + e) - f(p - e)) - (f(p + 2 * e) - f(p - 2 * e))) / (12 * h) for e in along]
    )


@ENGINES
@pytest.mark.parametrize("name", ROWS)
def test_events_and_their_derivatives_are_those_of_closed_forms(engine, name):
    f, closed = CALLS[name]
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    slope = autodiff.gradient(f, engine=engine)
    for p in (POINT, POINT * 1.01):
        assert np.isclose(compiled(p), f(p), rtol=1e-12)
        assert np.allclose(slope(p), slopes(closed, p), rtol=1e-6, atol=1e-7)
    forward = [autodiff.jvp(compiled, (POINT,), (e,))[1] for e in np.eye(2)]
    assert np.allclose(forward, slope(POINT), rtol=1e-6, atol=1e-7)
    assert len(compiled.cache) == len(slope.cache) == 1


@pytest.mark.slow
@ENGINES
@pytest.mark.parametrize(
    "name", ["time of fall", "speed", "not terminal", "given times", "in between"]
)
def test_second_derivatives(engine, name):
    f, closed = CALLS[name]
    rows = slopes(lambda p: slopes(closed, p), POINT, 1e-3)
    assert np.allclose(autodiff.hessian(f, engine=engine)(POINT), rows, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_an_event_that_is_not_reached_has_no_times_and_no_derivative_by_them(mode):
    def f(p):
        found = si.solve_ivp(
            lambda t, y: -p * y, (0, 1), [1.0, 2.0], events=lambda t, y: y[0] - p[1]
        )
        return np.append(found.t_events[0], np.sum(found.t_events[0]) + p[0] ** 2)

    jacobian = autodiff.jacobian(f, mode=mode)
    p = np.array([0.7, 5.0])
    np.testing.assert_allclose(jacobian(p), [[1.4, 0.0]])
    p = np.array([0.7, 0.8])  # at -log(p_1) / p_0
    at = -np.log(0.8) / 0.7
    by_p = np.array([-at / 0.7, -1 / (0.7 * 0.8)])
    np.testing.assert_allclose(jacobian(p), [by_p, by_p + [1.4, 0.0]], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_the_time_of_an_event_that_is_not_reached_is_an_index_error(engine):
    def f(p):
        found = si.solve_ivp(lambda t, y: -p * y, (0, 1), [1.0, 2.0], events=lambda t, y: y[0] - 5)
        return found.t_events[0][0]

    with pytest.raises(IndexError):
        autodiff.gradient(f, engine=engine)(np.array([0.7, 1.1]))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_end_moves_with_the_event_that_ends_it_not_with_another_at_the_same_moment(mode):
    """y = 1 - p t; y = 1/2 is looked at, y = q / 2 ends the integration, at first both at t = 1/2."""

    def f(p, q):
        def looked_at(t, y):
            return y[0] - 0.5

        def ends(t, y):
            return y[0] - 0.5 * q

        ends.terminal = True
        found = si.solve_ivp(lambda t, y: [-p], (0, 2), [1.0], events=[looked_at, ends], rtol=1e-9)
        return np.array([found.t_events[0][0], found.t_events[1][0], found.y[0, -1], found.t[-1]])

    by_p, by_q = autodiff.jacobian(f, mode=mode)(1.0, 1.0)
    assert np.allclose(by_p, [-0.5, -0.5, 0.0, -0.5], atol=1e-8)
    assert np.allclose(by_q, [0.0, -0.5, 0.5, -0.5], atol=1e-8)


@pytest.mark.parametrize("distance", [0.0, 2e-16, -2e-16, 1e-12, -1e-12])
def test_an_event_within_rounding_of_a_time_that_is_asked_for(distance):
    times = np.array([0.0, 0.5, 1.0 + distance, 1.5])

    def f(p):
        def ends(t, y):
            return y[0]

        ends.terminal = True
        return si.solve_ivp(
            lambda t, y: [-p], (0, 2), [1.0], events=ends, t_eval=times, rtol=1e-9
        ).y[0]

    found = f(1.0)
    assert np.array_equal(autodiff.function(f)(1.0), found)
    assert np.allclose(autodiff.jacobian(f)(1.0), -times[: len(found)], atol=1e-8)


def test_an_event_that_ends_the_integration_is_looked_at_before_it():
    """A time beyond the last is outside of what SciPy integrates."""

    def f(p, k):
        def event(t, y):
            return y[0] - 0.2

        event.terminal = True
        found = si.solve_ivp(
            lambda t, y: [y[1], -p * y[0]], (0, 9.0), [1.0, p], events=event, rtol=1e-9, atol=1e-12
        )
        return (found.t_events[0][0], found.y_events[0][0][1], found.y[1, -1])[k]

    for k in range(3):
        expected = (f(1.15 + 1e-4, k) - f(1.15 - 1e-4, k)) / 2e-4
        found = autodiff.gradient(lambda p, k=k: f(p, k), engine="numpy")(1.15)
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("end", [7.0, 20.0])
def test_many_events_cost_a_few_integrations_however_many_they_are(monkeypatch, end):
    """Each moment has an equation of its own: there is no matrix, nor a search for its inverse."""
    made = []
    begin = si.OdeSolver.__init__

    def counted(self, *args, **kwargs):
        made.append(type(self).__name__)
        begin(self, *args, **kwargs)

    def crossings(p):
        found = si.solve_ivp(
            lambda t, y: [y[1], -p * p * y[0]], (0.0, end), [1.0, 0.0],
            events=[lambda t, y: y[0], lambda t, y: y[1]], **TIGHT,
        )  # fmt: skip
        return np.sum(found.t_events[0]) + np.sum(found.t_events[1])

    monkeypatch.setattr(si.OdeSolver, "__init__", counted)
    slope = autodiff.gradient(crossings, engine="numpy")(3.0)
    moments = np.arange(1, int(3.0 * end / (np.pi / 2)) + 1) * (np.pi / 2) / 3.0
    assert np.isclose(slope, -np.sum(moments) / 3.0, rtol=1e-6)
    assert len(made) < 25
