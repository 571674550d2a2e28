"""``getattr`` and ``hasattr`` run the code that answers them once, and the same code as in Python."""

import pytest

import autodiff


class Getter:
    def __init__(self, x):
        self.x, self.n = x, 0

    def __getattr__(self, name):
        self.n += 1
        print("asked", name)
        if name == "missing":
            raise AttributeError(name)
        return self.x * self.n


class Property:
    def __init__(self, x):
        self.x, self.n = x, 0

    @property
    def q(self):
        self.n += 1
        print("read")
        return self.x * self.n

    @property
    def bad(self):
        self.n += 1
        print("bad")
        raise AttributeError("bad")


class Everything:
    def __init__(self, x):
        self.x, self.n = x, 0

    def __getattribute__(self, name):
        if name in ("q", "bad"):
            self.n += 1
            print("got", name)
            if name == "bad":
                raise AttributeError(name)
            return self.x * self.n
        return object.__getattribute__(self, name)


class Descriptor:
    def __get__(self, obj, cls=None):
        if obj is None:
            return self
        obj.n += 1
        print("described")
        return obj.x * obj.n


class Described:
    q = Descriptor()

    def __init__(self, x):
        self.x, self.n = x, 0


class Plain:
    def __init__(self, x):
        self.x, self.n, self.q = x, 0, 2 * x


class Depending:
    def __init__(self, x):
        self.x, self.n = x, 0

    def __getattr__(self, name):
        if self.x > 2:
            return self.x
        raise AttributeError(name)


def with_default(d, x):
    return getattr(d, "q", 9.0) * x, d.n


def default_of_none(d, x):
    return getattr(d, "missing", 9.0) * x, d.n


def default_of_what_raises(d, x):
    return getattr(d, "bad", 9.0) * x, d.n


def asked_whether(d, x):
    return hasattr(d, "q"), d.n, x


def asked_whether_not(d, x):
    return hasattr(d, "missing"), hasattr(d, "bad"), d.n, x


def without_default(d, x):
    return getattr(d, "q") * x, d.n  # noqa: B009


def both(d, x):
    return (d.q * x, getattr(d, "q", 1.0), d.n) if hasattr(d, "q") else None


def an_error(d, x):
    try:
        return getattr(d, "nothing"), d.n  # noqa: B009
    except AttributeError as error:
        return str(error), d.n


CLASSES = [Getter, Property, Everything, Described, Plain, Depending]
USES = [
    with_default, default_of_none, default_of_what_raises, asked_whether, asked_whether_not, without_default, both, an_error,
]  # fmt: skip


def outcome(f, *arguments):
    try:
        return f(*arguments)
    except AttributeError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("use", USES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_an_attribute_is_asked_for_once(cls, use, capsys):
    def made_here(x):
        return use(cls(x), x)

    compiled, of_object = autodiff.function(made_here), autodiff.function(use)
    first, second = cls(1.5), cls(1.5)
    for x in (1.5, 3.0, 1.5):
        expected, text = outcome(made_here, x), capsys.readouterr()
        assert (outcome(compiled, x), capsys.readouterr()) == (expected, text)
        expected, text = outcome(use, first, x), capsys.readouterr()
        assert (outcome(of_object, second, x), capsys.readouterr()) == (expected, text)
