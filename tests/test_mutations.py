"""Central rules, broken on purpose: the tests named beside each must notice (see tests/mutation_check.py)."""

import pytest

from tests.mutation_check import MUTATIONS, Mutation, check_in_a_fresh_process


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.rule.replace(" ", "-"))
def test_a_broken_rule_is_noticed(mutation: Mutation) -> None:
    done = check_in_a_fresh_process(mutation)
    assert done.stdout.strip() == "noticed", done.stdout + done.stderr[-2000:]
    assert done.returncode == 0


def test_every_mutation_names_tests() -> None:
    assert len(MUTATIONS) >= 6
    assert all(m.tests for m in MUTATIONS)
    assert len({m.rule for m in MUTATIONS}) == len(MUTATIONS)
