"""What a handler sees: NumPy's and Python's exceptions, where they arise in plain Python, and no refusals."""

import linecache
import math
import warnings

import numpy as np
import pytest

import autodiff

HEAD = """
import array, bisect, cmath, collections, copy, ctypes, datetime, decimal, fractions, functools, hashlib, io
import itertools, json, math, numbers, operator, pickle, random, statistics, string, struct, zlib
import numpy as np
import autodiff

M, TWO = np.ones((2, 2)), np.ones(2)
Doubles = ctypes.c_double * 3

def one(x): return x
def two(a, b, *, c): return a
def first(a, /, b=2): return a
def none(): return 1
def rest(a, *r, k=1): return a

class Point:
    def __init__(self, q): self.q = q
    def moved(self, by): return by
    def __call__(self, by): return by

def inner(x, n):
    def taken(a, b=1): return a
    return taken(*[x] * n)

def inner_class(x):
    class Made:
        def __init__(self, a): self.a = a
        def asked(self, q): return q
    return Made(x).asked()
"""
# What Python, the standard library and NumPy ask an array or a number for.
PROTOCOLS = """
list(bytes(x)); list(bytearray(x)); memoryview(x).nbytes; list(memoryview(x).tobytes()); operator.index(x)
list(array.array("d", x)); list(array.array("B", x)); list(struct.pack("d", x)); struct.unpack("d", x)
int.from_bytes(x, "little"); list(x.tobytes()); np.frombuffer(x); np.frombuffer(x, np.uint8); np.fromiter(x, float)
x.__array_interface__["shape"]; type(x.__array_struct__).__name__; np.from_dlpack(x); x.__dlpack_device__()
x.ctypes.shape[:]; ctypes.c_double(x).value; Doubles(*x)[:]; Doubles.from_buffer_copy(x)[:]; x.data.nbytes
pickle.loads(pickle.dumps(x)); len(x.__reduce__()); x.__sizeof__() > 0; len(x.dumps()) > 0; copy.deepcopy(x); copy.copy(x)
json.dumps(x); hashlib.md5(x).hexdigest(); zlib.crc32(x); list(io.BytesIO(x).getvalue()); list(b"".join([x]))
b"a" in x; x in b"abc"; x in "abc"; b"%d" % x; 1.0 in x; operator.contains(x, 1.0); operator.countOf(x, 1.0)
int(x); float(x); complex(x); complex(x, x); bool(x); round(x); round(x, 1); abs(x); len(x); hash(x) and 1
math.trunc(x); math.floor(x); math.ceil(x); divmod(x, 2); pow(x, 2, 3); pow(2, x, 3); math.prod(x); math.fsum(x)
math.gcd(x, 2); math.ldexp(1.0, x); math.comb(5, x); math.isqrt(x); math.factorial(x); math.frexp(x); math.modf(x)
math.copysign(x, -1); math.isclose(x, 1.0); math.fmod(x, 2); math.nextafter(x, 9); math.hypot(*x); math.dist(x, x)
math.log10(x); math.atan2(x, 1); math.gamma(x); math.isnan(x); cmath.exp(x); cmath.phase(x); max(*x); min(x); sum(x)
list(iter(x)); list(reversed(x)); list(range(x)); hex(x); oct(x); bin(x); chr(x); ord(x); [1, 2, 3, 4][x:]; [1, 2, 3][x]
[1] * x; "abcd"[x]; list(enumerate([1], x)); sorted(x); any(x); all(x); list(zip(x, x)); list(map(abs, x)); sorted(set(x))
{x: 1}[x]; tuple(x); dict(x); x(); x(1); vars(x); x.foo; x.foo(); getattr(x, "foo", 3); setattr(x, "foo", 1); x.__enter__()
isinstance(x, numbers.Number); isinstance(x, collections.abc.Iterable); callable(x); hasattr(x, "is_integer")
hasattr(x, "__divmod__"); format(x, ".2f"); format(x, "d"); f"{x:.3f}"; str(x); repr(x); "%s" % x; "{:.1f}".format(x)
float(decimal.Decimal(x)); float(fractions.Fraction(x)); datetime.timedelta(seconds=x).total_seconds()
list(itertools.repeat(1, x)); list(itertools.islice([1, 2, 3], x)); statistics.fmean(x); list(itertools.accumulate(x))
functools.reduce(operator.add, x); operator.length_hint(x); x.hex(); x.as_integer_ratio(); x.is_integer()
x.bit_length(); list(x.to_bytes(8, "little")); float.fromhex(x); float.is_integer(x); int.bit_length(x); x.numerator
x.item(); x.view(np.int64); x.getfield(np.int32); x.byteswap(); x.newbyteorder(); x.strides; np.shares_memory(x, x)
x.astype(object); np.array2string(x); x["a"]; x[1.5]; x[-5]; x[0, 0]; x @ x; ~x; x & 1; x << 1; x < "a"; x == "a"; x == None
np.packbits(x); np.binary_repr(x); np.base_repr(x); bisect.bisect(x, 1.5); np.bincount(x); np.lexsort((x,))
""".replace("\n", ";").split(";")
# Calls that fail by the shapes, dtypes, keywords or numbers of arguments.
FAILURES = """
np.concatenate([x, M]); np.stack([x, TWO]); np.vstack([x, TWO]); x > "a"; x + "a"; np.sum(x, foo=1); sum(x, "a")
np.add(x, x, out=np.zeros(2)); np.rot90(M * x[0], 1, (0, 0)); np.polyfit(x, x, -1); np.polyfit(x, x[:2], 1); x + TWO
np.sin(x, x, x); np.sin(); np.add(x); np.sum(x, axis=1); np.sum(x, axis="a"); x.reshape(7); x.reshape(2, -1); np.reshape(x, "a")
np.transpose(M * x[0], (0, 2**63 - 1)); np.transpose(x, (0, 1)); np.swapaxes(x, 0, 1); np.dot(x, TWO); np.dot(x, M)
np.matmul(x, 2.0); x @ M; np.take(x, 7); np.repeat(x, [1, 2]); np.tile(x, "a"); np.split(x, 2); np.cross(x, M[:, :1])
np.linalg.inv(x); np.linalg.solve(M, x); np.linalg.det(x); np.linalg.cholesky(x); np.einsum("ij,j", x, x); np.einsum("i,i", x, TWO)
np.interp(x, x, TWO); np.where(x, TWO, x); np.clip(x); np.pad(x, "a"); np.roll(x, 1, 3); np.insert(x, 9, 1.0); np.delete(x, 9)
np.broadcast_to(x, (2, 2)); np.outer(x); np.trace(x); np.diag(np.ones((1, 1, 1)) * x[0]); np.sort(x, axis=2); np.argmax(x, 3)
np.searchsorted(x, 1.0, side="a"); np.cumsum(x, 4); np.median(x, 5); np.percentile(x, 200); np.mean(x, dtype="a")
np.ones(3) @ x.reshape(1, 3); np.full((2,), x); np.fft.fft(x, 0); np.convolve(x, []); np.kron(x); np.vdot(x, TWO)
x.sum(1); x.sum(foo=1); x.reshape(); x.mean("a"); x.dot(); x.T.foo; x.clip("a"); x.astype("a"); x.transpose(1); x.item(7)
one(); one(x, x); one(*x); one(y=x); one(x, x=x); one(**{1: x}); two(x); two(); two(x, x); two(x, x, x, c=1); two(x, x, c=1, d=2)
first(a=x); first(x, 2, 3); first(); none(x); rest(); rest(x, q=1); Point(); Point(x, x); Point(q=x, r=1); Point(1).moved()
Point(1).moved(x, x); Point(1)(); inner(x, 0); inner(x, 3); inner_class(x); (lambda a, b: a)(x); len(x[0]); x[0][0]; one(*x[0])
autodiff.vmap(lambda v, w: v * w)(x, TWO); autodiff.vmap(lambda v: v, in_axes=7)(x)
autodiff.jvp(lambda v: v * 2, (x,), (TWO,)); autodiff.vjp(lambda v: v * 2, x)[1](TWO)
autodiff.linearize(lambda v: v * 2, x)[1](TWO); autodiff.hessian_vector(lambda v: np.sum(v * 2))(x, _tensors=TWO)
""".replace("\n", ";").split(";")
VALUES = {
    "array": np.array([1.0, 2.0, 3.0]), "integers": np.array([1, 2, 3]), "no axes": np.array(2.0),
    "number": 2.0, "scalar": np.float64(2.0), "int": 2, "NumPy's int": np.int64(2), "one": np.array([2.0]),
}  # fmt: skip


def _made(name, text):
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"__name__": "made"}
    exec(compile(text, name, "exec"), space)
    return space


def _functions(expressions):
    """A function of each expression, which gives its value, or what a handler sees."""
    lines = [HEAD]
    bodies = [e.strip() for e in expressions if e.strip()]
    for k, body in enumerate(bodies):
        lines.append(
            f"def f{k}(x):\n    try:\n        return {body}\n    except Exception as error:\n"
            "        return type(error).__name__, str(error), getattr(error, 'code', None)\n"
        )
    space = _made(f"<{expressions[1]}>", "\n".join(lines))
    return [(body, space[f"f{k}"]) for k, body in enumerate(bodies)]


def _result(f, x):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _plain(f(x.copy() if isinstance(x, np.ndarray) else x))
    except Exception as error:
        return f"raised {error!r}"


def _plain(x):
    if isinstance(x, np.ndarray):
        return x.dtype, x.shape, repr(x.tolist())
    if isinstance(x, (list, tuple)):
        return type(x), [_plain(item) for item in x]
    return type(x), repr(x)


def _differences(expressions, values, engine):
    return [
        (body, name, _result(f, x), found)
        for body, f in _functions(expressions)
        for name, x in values.items()
        if (found := _result(autodiff.function(f, engine=engine), x)) != _result(f, x)
    ]


FEW = {name: VALUES[name] for name in ("array", "integers", "number", "scalar")}


def test_what_is_asked_of_arrays_and_numbers_is_answered_as_by_them() -> None:
    assert _differences(PROTOCOLS, FEW, "numpy") == []


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_what_is_asked_of_any_value_is_answered_as_by_it(engine) -> None:
    assert _differences(PROTOCOLS, VALUES, engine) == []


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_handler_sees_the_exceptions_of_numpy_and_python(engine) -> None:
    assert _differences(FAILURES, {"array": VALUES["array"]}, engine) == []


# -- with derivatives, and in other places ------------------------------------------------------------
def _in_a_loop(x):
    total = 0.0
    for k in range(3):
        try:
            total += np.sum(np.stack([x, x[:k]]))
        except ValueError as error:
            total += np.sum(x) * len(str(error)) * (k + 1)
    return total


def _in_a_branch(x):
    if x[0] > 0:
        try:
            return np.sum(x.view(np.int64)) * x[1]
        except (AttributeError, TypeError):
            return 100.0 * np.sum(x)
    return np.sum(x)


def _of_a_memory(x):
    try:
        return np.sum(x) + len(bytes(x))
    except TypeError:
        return 2.0 * np.sum(x)


def _of_a_method(x):
    try:
        return np.sum(x.reshape(2, 2))
    except ValueError as error:
        return np.sum(x**2) * len(str(error))


def _of_an_axis(x):
    try:
        return np.sum(x, axis=1)
    except np.exceptions.AxisError as error:
        return np.sum(x) * len(str(error)) * (error.ndim + 1)


def _of_many_arguments(x):
    try:
        return np.sum(np.sin(x, x, x))
    except TypeError as error:
        return np.sum(x) * len(str(error))


def _of_an_attribute(x):
    try:
        x.size = 3
    except AttributeError as error:
        return np.sum(x) * len(str(error))


def _of_a_dtype(x):
    y = x * 2.0
    try:
        y.dtype = np.int64
    except AttributeError:
        return 100.0 * np.sum(x)
    return np.sum(x) * y.itemsize


CASES = [
    _of_an_attribute,
    _of_a_dtype,
    _in_a_loop,
    _in_a_branch,
    _of_a_memory,
    _of_a_method,
    _of_an_axis,
    _of_many_arguments,
]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.filterwarnings("ignore:Setting the dtype:DeprecationWarning")  # NumPy's, of 2.5
def test_derivatives_are_those_of_the_handler_or_refused(f, engine) -> None:
    for x in (np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 1.0, 3.0])):
        assert autodiff.function(f, engine=engine)(x) == f(x)
        steps = [1e-6 * row for row in np.eye(len(x))]
        expected = [(f(x + h) - f(x - h)) / 2e-6 for h in steps]
        try:
            found = autodiff.gradient(f, engine=engine)(x)
        except (autodiff.UnsupportedError, autodiff.DerivativeError):
            assert f in (
                _of_a_memory,
                _in_a_branch,
                _of_a_dtype,
            )  # of which plain Python makes no exception
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_text_with_a_size_is_that_of_each_call() -> None:
    compiled = autodiff.function(_of_a_method)
    for n in (3, 5, 6, 4, 3, 12):
        x = np.arange(1.0, n + 1)
        assert compiled(x) == _of_a_method(x)


@pytest.mark.parametrize("kind", ["Exception", "TypeError", "AttributeError"])
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_a_handler_in_code_without_source_sees_no_refusal(kind) -> None:
    for body in (
        "len(bytes(x))",
        "x.view(np.int64).size",
        "divmod(np.sum(x), 2)[0]",
        "float(x[0])",
    ):
        space = {"np": np, "math": math}
        exec(f"def f(x):\n    try: return np.sum(x) + {body}\n    except {kind}: return 9.0", space)
        f, x = space["f"], np.array([1.0, 2.0, 3.0])
        for engine in ("numpy", "native"):
            assert autodiff.function(f, engine=engine)(x) == f(x)
            with pytest.raises(autodiff.UnsupportedError, match="f has no source and handles exc"):
                autodiff.gradient(f, engine=engine)(x)
