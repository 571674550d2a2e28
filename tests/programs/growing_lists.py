"""Lists that loops build: appended to, read while they grow, stored into, returned.

Trajectories, recurrences, tables of dynamic programming, histories of iterations, selections,
comprehensions; two names for one list, arrays that change after they were appended, loops over a
list that grows.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import numpy as np

from .registry import normal, program, uniform


@program(inputs=[(normal(1, 9),), (normal(2, 12),), (normal(3, 3),)], features="container for")
def squares_of_sines(x):
    values = []
    for i in range(len(x)):
        values.append(np.sin(x[i]))
    return np.sum(np.array(values) ** 2)


@program(inputs=[(normal(4, 9),), (normal(5, 12),)], features="container for")
def smoothed_as_a_list(x):
    """The list returned begins with a Python float and goes on with NumPy scalars."""
    smooth = [1.0]
    for v in x:
        smooth.append(0.9 * smooth[-1] + 0.1 * v)
    return smooth


@program(inputs=[(0.3, 3.3), (0.6, 3.7)], features="container for", step=1e-5)
def logistic_orbit(x, r):
    orbit = [x]
    for _ in range(12):
        orbit.append(r * orbit[-1] * (1 - orbit[-1]))
    return orbit[-1] + orbit[3] * orbit[-2] + len(orbit)


@program(inputs=[(0.7,), (-0.4,)], features="container for")
def two_term_recurrence(x):
    """Legendre polynomials, by index from the front."""
    p = [1.0, x]
    for k in range(2, 15):
        p.append(((2 * k - 1) * x * p[k - 1] - (k - 1) * p[k - 2]) / k)
    return sum(p)


@program(inputs=[(normal(6, 9),), (normal(7, 12),)], features="container for branch")
def largest_subarray_table(x):
    """A list of floats whose items are replaced; what is not stays a Python float."""
    best = [0.0] * len(x)
    for i in range(1, len(x)):
        best[i] = max(best[i - 1] + x[i], x[i])
    return best


@program(
    inputs=[(uniform(8, 1.0, 2.0, 7), 14), (uniform(9, 1.0, 2.0, 9), 11)],
    features="container for branch integer",
)
def knapsack(values, room):
    best = [0.0] * (room + 1)
    for k in range(len(values)):
        weight = 1 + k % 3
        for j in range(room, weight - 1, -1):
            best[j] = max(best[j], best[j - weight] + values[k])
    return best[room]


@program(inputs=[(normal(10, 5),), (normal(11, 7),)], features="container for")
def trajectory(u):
    states = [u]
    for _ in range(15):
        states.append(states[-1] + 0.1 * np.sin(states[-1]))
    path = np.stack(states)
    return np.mean(path[:, 0]) + np.concatenate(states).sum() + path[-1, -1]


@program(inputs=[(normal(12, 5),), (normal(13, 7),)], features="container for store")
def snapshots(u):
    """One array changes in place; its copies are kept."""
    u = u.copy()
    history = []
    for _ in range(9):
        u[1:-1] += 0.25 * (u[2:] - 2 * u[1:-1] + u[:-2])
        history.append(u.copy())
    return np.array(history)


@program(inputs=[(normal(14, 5),), (normal(15, 7),)], features="container for store alias")
def one_array_many_times(u):
    """The list holds one array, nine times: as it is at the end."""
    u = u.copy()
    history = []
    for _ in range(9):
        u[1:] += 0.1 * u[:-1] ** 2
        history.append(u)
    return np.array(history).mean(axis=0)


@program(inputs=[(normal(16, 5),), (normal(39, 7),)], features="container for store alias")
def changed_after_it_was_appended(u):
    kept = []
    for k in range(8):
        kept.append(u * k)
    kept[3][0] = 7.0
    other = kept[2]
    other += u
    return np.array(kept).sum(axis=0)


@program(
    inputs=[(normal(17, 9),), (normal(18, 13),), (-np.ones(6),)], features="container for branch"
)
def positive_ones(x):
    chosen = []
    for v in x:
        if v > 0:
            chosen.append(v * v)
    return np.array(chosen).sum() + len(chosen)


@program(inputs=[(normal(19, 9),), (normal(20, 13),)], features="container for branch")
def unequal_numbers_of_items(x):
    found = []
    for v in x:
        if v > 0.5:
            found.append(v * v)
        elif v < -0.2:
            found.append(v)
            found.append(-v)
    return found


@program(inputs=[(normal(21, 9),), (normal(22, 13),)], features="container for alias")
def two_lists_and_two_names(x):
    a, b = [], []
    same = a
    for i, v in enumerate(x):
        a.append(v)
        b.append(v * i)
    s = 0.0
    for p, q in zip(same, b, strict=True):
        s += p * q
    return s + np.dot(a, b) + sum(same[2:]) - min(b[:-1]) + max(a)


@program(inputs=[(normal(23, 9),), (normal(24, 13),)], features="container for")
def comprehensions(x):
    table = np.array([np.sin(x[i]) * i for i in range(len(x))])
    total = sum(v * v for v in x)
    chosen = [v for v in x if v > 0.1]
    return table.sum() * total + sum(chosen)


@program(inputs=[(normal(25, 9),), (normal(26, 10),)], features="container for")
def rows_of_rows(x):
    rows = []
    for i in range(len(x)):
        row = []
        for j in range(len(x)):
            row.append(x[i] * x[j] + i)
        rows.append(np.array(row))
    pairs = []
    for i in range(len(x)):
        for j in range(i):
            pairs.append(x[i] - x[j])
    return np.linalg.norm(np.array(rows)) + np.mean(np.array(pairs) ** 2)


@program(inputs=[(normal(27, 9),), (normal(28, 13),)], features="container for")
def items_replaced_after_the_loop(x):
    items = []
    for v in x:
        items.append(v)
    items.append(x[0] * 2)
    items[2] = x[1]
    for i in range(len(items)):
        items[i] = items[i] + 1.0
    items.insert(1, 5.0)
    return items


@program(inputs=[(normal(29, 9),), (normal(30, 13),)], features="container for branch")
def a_list_that_grows_while_a_loop_goes_through_it(x):
    queue = []
    for v in x:
        queue.append(v)
    s = 0.0
    for v in queue:
        s += v
        if len(queue) < 20:
            queue.append(0.5 * v)
    return s


@program(inputs=[(normal(31, 9),), (normal(32, 13),)], features="container for branch")
def rising_maxima(x):
    best = [x[0]]
    for v in x:
        if v > best[-1]:
            best.append(v)
        else:
            best[-1] = best[-1] + 0.1 * v
    return sum(best) / len(best)


@program(inputs=[(normal(33, 9),), (normal(34, 13),)], features="container for")
def extended_and_popped(x):
    stack = []
    for v in x:
        stack.extend([v, v * v])
        stack += [1.5 * v]
        top = stack.pop()
    return np.std(stack) + top


@program(inputs=[(normal(35, 9) + 0.2,), (normal(36, 13) + 0.2,)], features="container for branch")
def until_a_large_one(x):
    seen = []
    for v in x:
        seen.append(v)
        if v > 1:
            break
    return np.array(seen).sum() + len(seen)


@program(inputs=[(0.9,), (40.0,), (1e-4,)], features="container while", smooth=True)
def history_of_an_iteration(x):
    history = []
    while abs(x) > 1e-2:
        x = 0.6 * x
        history.append(x)
    return np.array(history).sum() * len(history) + x


@program(inputs=[(0.9,), (0.35,)], features="container while branch", step=1e-5)
def adaptive_steps(y):
    """Times and states; what is known so far decides how the loop goes on."""
    times, states = [0.0], [y]
    while times[-1] < 3.0:
        h = 0.1 if states[-1] > 0.23 else 0.2
        states.append(states[-1] - h * states[-1] ** 2)
        times.append(times[-1] + h)
        if states[-1] > 0.31:
            states.append(0.99 * states[-1])
    return np.dot(states, np.arange(len(states))) + times[-1]


@program(inputs=[(0.9,), (0.92,)], features="container while", step=1e-5)
def list_of_a_while_loop(x):
    values = [x, 0.5 * x]
    while values[-1] > 1e-2:
        values.append(0.3 * values[-1] + 0.2 * values[-2])
    return values


@program(inputs=[(0.9,), (30.0,)], features="container while branch")
def appended_after_the_break(x):
    values = []
    while True:
        x = 0.7 * x
        if abs(x) < 1e-2:
            break
        values.append(x)
    return sum(values) + len(values)


@program(inputs=[(normal(37, 12),), (normal(38, 21),)], features="container for gather")
def list_of_plain_numbers(x):
    """Nothing in the list depends on inputs: it stays a list of Python numbers."""
    order = []
    for k in range(12):
        order.append((5 * k) % 12)
    return sum(x[k] * n for n, k in enumerate(order))
