"""The exponential of a matrix is SciPy's, to the last bit, whichever way it is computed."""

import numpy as np
import pytest
import scipy.linalg

from autodiff.ops import matrix_exponential

FULL = np.random.default_rng(0).standard_normal((6, 6))
HOLES = FULL * (np.abs(np.subtract.outer(np.arange(6), np.arange(6))) < 2)
KINDS: dict[str, np.ndarray] = {
    "full": FULL, "with corners of zero": HOLES, "upper": np.triu(FULL), "lower": np.tril(FULL),
    "diagonal": np.diag(np.diag(FULL)), "zeros": np.zeros((3, 3)), "one": FULL[:1, :1], "two": FULL[:2, :2],
    "none": np.zeros((0, 0)), "single": FULL.astype(np.float32), "not finite": FULL * np.where(FULL > 2, np.nan, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("own", [True, False], ids=["as here", "another SciPy"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_exponential_is_scipys(kind: str, own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not own:
        monkeypatch.setattr(matrix_exponential, "_routines", lambda: None)
    for size in (1e-3, 0.1, 0.7, 3.0, 50.0):
        a = KINDS[kind] * KINDS[kind].dtype.type(size)
        with np.errstate(all="ignore"):
            found, wanted = matrix_exponential.exponential(a), scipy.linalg.expm(a)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
