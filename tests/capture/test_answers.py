"""What classes answer of their truth and length is what Python takes, or the error that Python raises."""

import numpy as np
import pytest

import autodiff


class Bool:
    def __init__(self, answer):
        self.answer = answer

    def __bool__(self):
        return self.answer


class Length:
    def __init__(self, answer):
        self.answer = answer

    def __len__(self):
        return self.answer


ANSWERS = {
    "a comparison of NumPy": lambda x: x[0] > 0,
    "a comparison of Python": lambda x: float(x[0]) > 0,
    "bool of a comparison": lambda x: bool(x[0] > 0),
    "an element": lambda x: x[0],
    "an array": lambda x: x,
    "a known NumPy bool": lambda x: np.True_,
    "a known NumPy float": lambda x: np.float64(2.0),
    "a known NumPy int": lambda x: np.int64(2),
    "an int": lambda x: 2,
    "a traced int": lambda x: int(x[1]),
    "a traced NumPy int": lambda x: x.astype(int)[1],
    "a traced negative int": lambda x: -int(x[1]),
    "a negative int": lambda x: -1,
    "None": lambda x: None,
    "a float": lambda x: 2.0,
    "True": lambda x: True,
}
ASKED = {
    "bool": bool,
    "not": lambda obj: not obj,
    "if": lambda obj: 1.0 if obj else 2.0,
    "and": lambda obj: (obj and 3.0) == 3.0,
    "len": len,
}


def _said(f, x):
    try:
        return f(x)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("cls", [Bool, Length])
@pytest.mark.parametrize("answer", ANSWERS)
def test_classes_answer_what_python_takes(answer: str, cls: type, engine: str) -> None:
    make = ANSWERS[answer]
    for ask in ASKED.values():

        def f(x, ask=ask):
            return ask(cls(make(x)))

        found, expected = (
            _said(g, np.array([1.0, 2.0])) for g in (autodiff.function(f, engine=engine), f)
        )
        assert type(found) is type(expected)
        assert found == expected
