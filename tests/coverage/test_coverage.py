"""Every public callable has a row, every row what docs/reference/coverage.md says of it."""

import re
import zlib
from collections.abc import Iterable

import pytest

from tests.coverage.__main__ import PAGE
from tests.coverage.measure import Row, measure
from tests.coverage.page import STATED, Cells, named, read, section, space_of
from tests.coverage.rows import absent, rows


def test_every_public_callable_has_a_row() -> None:
    missing, unknown = absent()
    assert not missing, f"no row for {sorted(missing)}"
    assert not unknown, f"rows of what is not public: {sorted(unknown)}"


def test_the_page_has_every_row_and_nothing_wrong() -> None:
    said = read(PAGE.read_text())
    wanted = {f"{space_of(row)} {named(row)}" for row in rows() if row.call}
    assert set(said) == wanted
    assert not [name for name, cells in said.items() if "wrong" in cells[:4]]
    missing = [name for name, c in said.items() if _is_missing(c)]
    assert not missing, f"without a reason of their own: {missing}"
    silent = [name for name, c in said.items() if "refused" in c[:4] or c[0] == "plain" if not c[4]]
    assert not silent, f"without a reason: {silent}"


def _is_missing(cells: Cells) -> bool:
    return cells[1] == "refused" and not STATED.search(cells[4])


# What solvers, integrators, interpolators and sparse matrices promise: compiled, and right to second order.
PROMISED = {
    "scipy.optimize": """root fsolve root_scalar brentq brenth bisect ridder toms748 newton fixed_point
        least_squares leastsq curve_fit minimize minimize_scalar linprog nnls linear_sum_assignment
        basinhopping differential_evolution dual_annealing shgo direct brute fmin_slsqp fmin_cobyla
        isotonic_regression BFGS SR1""",
    "scipy.integrate": """quad quad_vec dblquad tplquad nquad fixed_quad trapezoid simpson
        cumulative_trapezoid cumulative_simpson romb tanhsinh cubature solve_ivp odeint ode solve_bvp""",
    "scipy.interpolate": """CubicSpline PchipInterpolator Akima1DInterpolator make_interp_spline BSpline
        PPoly BPoly UnivariateSpline splrep splev interp1d RegularGridInterpolator interpn RBFInterpolator
        griddata""",
    "scipy.sparse": """csr_array csc_array coo_array dia_array diags diags_array eye eye_array kron
        kronsum block_array block_diag vstack hstack tril triu""",
    "scipy.sparse.csr_array": """toarray tocoo tocsc tocsr asformat T transpose dot multiply maximum minimum sum mean
        trace diagonal""",
    "scipy.sparse.csgraph": """shortest_path dijkstra bellman_ford johnson floyd_warshall yen
        construct_dist_matrix reconstruct_path minimum_spanning_tree breadth_first_tree
        depth_first_tree csgraph_from_dense csgraph_to_dense laplacian""",
    "scipy.sparse.linalg": """spsolve splu factorized cg cgs gmres bicgstab minres qmr lsqr lsmr eigsh
        eigs svds LinearOperator aslinearoperator expm_multiply expm inv norm matrix_power""",
}


@pytest.mark.parametrize("space", PROMISED)
def test_what_is_promised_is_compiled_and_has_derivatives(space: str) -> None:
    said = read(PAGE.read_text())
    names = PROMISED[space].split()
    found = {name: said[f"{space} {name}"][:4] for name in names}
    # Zero where the sample has nothing to add up.
    fine = {("compiled", *[said] * 3) for said in ("right", "zero")}
    assert not {name: cells for name, cells in found.items() if tuple(cells) not in fine}


def test_compiled_values_are_as_accurate_as_those_of_the_libraries() -> None:
    text = section(PAGE.read_text(), "Accuracy")
    cells = re.findall(r"([\d.e]+) \(([\d.e]+)\), [\d.e]+ ", text)
    assert len(cells) > 200
    assert not [c for c in cells if float(c[0]) > max(4.0, 4.0 * float(c[1]))]


def _changed(chosen: Iterable[Row]) -> list[str]:
    """The rows that are not what the page says of them."""
    said = read(PAGE.read_text())
    others = []
    for row in chosen:
        found = measure(row)
        cells = (found.value, found.gradient, found.jvp, found.second)
        if said[_title(row)][:4] != cells:
            others.append(f"{_title(row)}: {cells} {found.note}")
    return others


def _title(row: Row) -> str:
    return f"{space_of(row)} {named(row)}"


def test_a_sample_of_the_rows_is_what_the_page_says() -> None:
    """Some thirty rows of as many namespaces as they can be, by their names: a page that drifts is found before it is written anew."""
    called = [row for row in rows() if row.call]
    others = _changed(row for row in called if zlib.crc32(_title(row).encode()) % 137 == 107)
    assert not others, "\n".join(others)


@pytest.mark.slow
@pytest.mark.parametrize("space", sorted({space_of(row) for row in rows()}))
def test_rows_are_what_the_page_says(space: str) -> None:
    """Of a row that became better the page has to tell, too: ``python -m tests.coverage``."""
    others = _changed(row for row in rows() if row.call and space_of(row) == space)
    assert not others, "\n".join(others)
