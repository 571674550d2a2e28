"""Golden files: each pass on the programs it is for, text before and after.

`make golden` rewrites them (AUTODIFF_UPDATE_GOLDEN=1); the diff is the review.
"""

import pytest

from autodiff.passes import (
    eliminate_common_subexpressions,
    eliminate_dead_code,
    optimize,
    simplify,
)
from tests.passes.programs import make

CASES = {
    simplify: (
        "small_powers trivial_factors signs_and_casts shapes_of_shapes constants_fold "
        "stores_of_everything strong_products pieces_added"
    ),
    eliminate_common_subexpressions: (
        "said_twice shared_before_and_between_branches checked_again weak_and_strong_constants"
    ),
    eliminate_dead_code: (
        "nobody_asks branch_results loop_with_idle_carries while_with_idle_carries checks_stay"
    ),
    optimize: "small_powers said_twice branch_results triangle",
}


@pytest.mark.parametrize("run", CASES, ids=lambda f: f.__name__)
def test_golden(run, golden) -> None:
    sections = []
    for name in CASES[run].split():
        program, _ = make(name)
        before = str(program)
        sections.append(f"# {name}\n{before}\n\n# =>\n{run(program)}\n")
    golden(f"{run.__name__}.txt", "\n\n".join(sections))
