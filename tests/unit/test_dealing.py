"""The order of the tests where several workers share them."""

from __future__ import annotations

import pytest

from tests.dealing import LONGEST, order

pytestmark = pytest.mark.unit

TESTS = [f"tests/integration/{module}.py::test_{n}" for module in sorted(LONGEST) for n in (1, 2)]
TESTS += [f"tests/unit/test_short.py::test_{n}" for n in range(40)]


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_every_test_runs_once_and_each_worker_begins_with_a_long_module(workers: int) -> None:
    listed = order(TESTS, workers)
    assert sorted(listed) == list(range(len(TESTS)))
    begins, left = 0, len(TESTS)
    firsts = []
    for number in range(workers):
        firsts.append(TESTS[listed[begins]].split("::")[0].removeprefix("tests/integration/").removesuffix(".py"))
        size = left // (workers - number)
        begins, left = begins + size, left - size
    assert firsts == list(LONGEST[:workers])


def test_a_few_tests_without_a_long_one_keep_their_order() -> None:
    assert order(TESTS[-5:], 3) == [0, 1, 2, 3, 4]


def test_a_module_stays_whole() -> None:
    listed = [TESTS[place] for place in order(TESTS, 3)]
    for module in LONGEST:
        places = [i for i, test in enumerate(listed) if f"/{module}.py" in test]
        assert places == list(range(places[0], places[0] + 2))
