"""The table of Python and NumPy callables that work on tracers, and the decorators that fill it.

    @implements(np.trace)
    def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None): ...

``functions`` answers NumPy's callables, also those that do not dispatch by themselves
(``np.zeros``); ``builtin_functions`` answers Python's builtins and the ``math`` module, with
Python's semantics on Python numbers.  A function takes the arguments the original takes, where its
parameters have other names in the same places (:func:`as_taken`).

The modules that fill the tables are loaded when a function of theirs is asked for, by its name: a program of
sums and sines does not wait for those of sorts and spectra.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from autodiff.errors import FallbackWarning
from autodiff.later import is_loaded
from autodiff.stack import lock_of_the_process
from autodiff.tracebacks import depth_of_user

if TYPE_CHECKING:
    from _collections_abc import dict_items, dict_keys, dict_values

F = TypeVar("F", bound=Callable[..., Any])
K = TypeVar("K")
V = TypeVar("V")
loading = lock_of_the_process()  # held by the thread that loads what a table lacks


# The user's program imports the left one: the right one enters what stands for its functions.
_OPTIONAL = {
    "numpy.polynomial.polyutils": "autodiff.ops.numpy_functions.series",
    "scipy.fft": "autodiff.ops.scipy_fft",
    "scipy.fftpack": "autodiff.ops.scipy_fftpack",
    "scipy.cluster": "autodiff.ops.scipy_clusters",
    "scipy.signal": "autodiff.ops.scipy_signal",
    "scipy.interpolate": "autodiff.ops.scipy_fitpack",
    "scipy.spatial._kdtree": "autodiff.ops.scipy_trees",
    "scipy.spatial.distance": "autodiff.ops.scipy_distance",
    "scipy.special": "autodiff.ops.spherical_harmonics",
    "scipy.linalg": "autodiff.ops.scipy_qr_updates",
    "scipy.linalg.blas": "autodiff.ops.scipy_blas",
    "scipy.ndimage": "autodiff.ops.scipy_ndimage",
    "scipy.spatial.transform": "autodiff.ops.scipy_rotation",
    "scipy.sparse": "autodiff.ops.scipy_sparse",
    "scipy.sparse._bsr": "autodiff.ops.scipy_sparse_blocks",
    "scipy.sparse._compressed": "autodiff.ops.scipy_sparse_structure",
    "scipy.sparse._extract": "autodiff.ops.scipy_sparse_elements",
    "scipy.sparse._index": "autodiff.ops.scipy_sparse_indexing",
    "scipy.sparse.csgraph": "autodiff.ops.scipy_csgraph",
    "scipy.sparse.linalg": "autodiff.ops.scipy_sparse_linalg",
    "scipy.stats": "autodiff.ops.scipy_stats",
    "scipy.stats._new_distributions": "autodiff.ops.random_variables",
    "scipy._lib.array_api_extra": "autodiff.ops.updates",
    "scipy._external.array_api_extra": "autodiff.ops.updates",  # from SciPy 1.18 on
}


# NumPy's functions by the module of ``numpy_functions`` that answers them.
_ANSWERS = {
    "shapes": """reshape ravel expand_dims squeeze transpose matrix_transpose swapaxes moveaxis rollaxis broadcast_to
        broadcast_arrays broadcast_shapes atleast_1d atleast_2d atleast_3d concatenate stack hstack vstack dstack
        column_stack append block array_split split hsplit vsplit dsplit unstack tile repeat resize flip fliplr flipud
        rot90 roll pad sliding_window_view as_strided diagonal diag diagflat tril triu copy shape ndim size
        may_share_memory shares_memory""",
    "creation": """zeros empty ones full zeros_like empty_like ones_like full_like array asarray asanyarray
        asarray_chkfinite ascontiguousarray asfortranarray require arange linspace logspace geomspace eye identity tri
        meshgrid indices ix_ vander fromfunction""",
    "linear_algebra": """dot vdot inner outer matmul vecdot matvec vecmat tensordot kron cross einsum inv solve cholesky
        slogdet det matrix_power multi_dot norm vector_norm matrix_norm cond tensorsolve tensorinv""",
    "decompositions": "eigh eigvalsh eig eigvals svd svdvals qr pinv lstsq matrix_rank",
    "fourier": "fft ifft rfft irfft hfft ihfft fftn ifftn rfftn irfftn fft2 ifft2 rfft2 irfft2",
    "selection": """where nonzero flatnonzero argwhere unique unique_all unique_counts unique_inverse clip select choose
        take put take_along_axis put_along_axis compress extract delete insert copyto fill_diagonal putmask place sort
        argsort partition argpartition lexsort searchsorted digitize isin isclose allclose array_equal array_equiv
        ravel_multi_index unravel_index""",
    "indices": """tril_indices triu_indices tril_indices_from triu_indices_from diag_indices diag_indices_from
        result_type can_cast common_type astype real_if_close union1d intersect1d setdiff1d unique_values RClass CClass
        apply_over_axes poly iterable""",
    "mathematics": """conjugate divmod modf frexp ldexp gcd lcm round around fix real imag angle isreal iscomplex
        isrealobj iscomplexobj isscalar isposinf isneginf nan_to_num sinc i0 unwrap piecewise apply_along_axis""",
    "reductions": """sum prod max amax min amin ptp any all argmax argmin count_nonzero mean var std average cumsum
        cumprod cumulative_sum cumulative_prod diff ediff1d trace nansum nanprod nancumsum nancumprod nanmean nanvar
        nanstd nanmax nanmin nanargmax nanargmin accumulate""",
    "signals": """convolve correlate interp trapezoid gradient polyval polyder polyint polymul polyadd polysub polyfit
        fftshift ifftshift""",
    "statistics": """median quantile percentile nanquantile nanpercentile nanmedian cov corrcoef bincount
        histogram_bin_edges histogram histogramdd""",
}  # fmt: skip
_BY_NAME = {
    name: f"autodiff.ops.numpy_functions.{module}"
    for module, names in _ANSWERS.items()
    for name in names.split()
}


def _home_of_numpy(key: Any) -> str | None:
    """The module that answers a function of NumPy, an object of NumPy's or a name."""
    kind = type(key)
    if not str(kind.__module__).startswith(("builtins", "numpy")):
        return None  # what the user's object says of itself is not asked
    return _BY_NAME.get(key if kind is str else getattr(key, "__name__", kind.__name__))


# Python's modules by the module that answers their functions.
_OF_PYTHON = dict.fromkeys(
    ("builtins", "math", "bisect", "_bisect"), "autodiff.ops.python_builtins"
) | {"cmath": "autodiff.ops.complex_functions"}


_OF_INTEGERS = frozenset(("factorial", "comb", "perm", "isqrt", "gcd"))
_HOME_OF_INTEGERS = "autodiff.ops.python_integers"


def _home_of_builtin(key: Any) -> str | None:
    if type(key).__module__ != "builtins":
        return None
    if getattr(key, "__module__", None) == "math" and key.__name__ in _OF_INTEGERS:
        return _HOME_OF_INTEGERS
    return _OF_PYTHON.get("cmath" if key is complex else str(getattr(key, "__module__", None)))


class LoadedWhole(dict[K, V]):
    """A dictionary that loads all of its modules before it tells all that it has."""

    def _load_all(self) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[K]:
        self._load_all()
        return super().__iter__()

    def __len__(self) -> int:
        self._load_all()
        return super().__len__()

    def keys(self) -> dict_keys[K, V]:
        """All names."""
        self._load_all()
        return super().keys()

    def values(self) -> dict_values[K, V]:
        """All that they stand for."""
        self._load_all()
        return super().values()

    def items(self) -> dict_items[K, V]:
        """All names with what they stand for."""
        self._load_all()
        return super().items()


class Table(LoadedWhole[Any, Callable[..., Any]]):
    """A dictionary that loads the module that answers a callable, and learns of optional ones that are in use.

    ``homes`` are the modules that it loads, of which ``home_of`` tells that of one key.
    """

    def __init__(
        self,
        optional: Mapping[str, str],
        homes: Iterable[str],
        home_of: Callable[[Any], str | None],
    ) -> None:
        super().__init__()
        self.waiting = dict(optional)
        self._unopened = set(homes)
        self._home_of = home_of

    def get(self, key: Any, default: Any = None) -> Any:
        """The implementation of a callable, or ``default``."""
        found = super().get(key)
        if found is None:
            self._open(key)
            found = super().get(key)
        if found is None:
            self._learn()
            found = super().get(key)
        return default if found is None else found

    def __missing__(self, key: Any) -> Any:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or self.get(key) is not None

    # One thread loads, the others wait; a module's own body may ask meanwhile, for which a module is
    # open only when it is complete.
    def _open(self, key: Any) -> None:
        """Load the module that answers a key."""
        home = self._home_of(key)
        if home in self._unopened:
            with loading:
                if is_loaded(home):
                    self._unopened.discard(home)

    def _load_all(self) -> None:
        if self._unopened:
            with loading:
                for home in sorted(self._unopened):
                    if is_loaded(home):
                        self._unopened.discard(home)

    def _learn(self) -> None:
        """Enter the functions of modules that are in use by now."""
        ready = [name for name in tuple(self.waiting) if name in sys.modules]
        if ready:
            with loading:
                for name in ready:
                    module = self.waiting.get(name)  # another thread may have entered it
                    if module is not None and self._entered(name, module):
                        self.waiting.pop(name, None)

    def _entered(self, name: str, module: str) -> bool:
        """Load what stands for a module of a library; told where it is not written for this version of that."""
        try:
            return is_loaded(module)
        except (ImportError, AttributeError) as error:
            library = name.partition(".")[0]
            version = getattr(sys.modules.get(library), "__version__", "")
            warnings.warn(
                f"{name} of {library} {version} is not as autodiff knows it ({error}): its functions run "
                "uncompiled, and have no derivative",
                FallbackWarning,
                stacklevel=depth_of_user(),
            )
            return True


functions: dict[Any, Callable[..., Any]] = Table(_OPTIONAL, set(_BY_NAME.values()), _home_of_numpy)
builtin_functions: dict[Any, Callable[..., Any]] = Table(
    {"statistics": "autodiff.ops.python_statistics"},
    {*_OF_PYTHON.values(), _HOME_OF_INTEGERS},
    _home_of_builtin,
)


def unknown_libraries() -> list[str]:
    """Modules of libraries that are installed in a version which is not known here."""
    found = []
    for name, module in _OPTIONAL.items():
        try:
            importlib.import_module(name)
        except ImportError:  # it is not installed, or is elsewhere in this version
            continue
        try:
            importlib.import_module(module)
        except (ImportError, AttributeError) as error:
            found.append(f"{name} ({error})")
    return found


def at_one_of(*paths: str) -> Any:
    """What the first of several dotted names leads to: from version to version SciPy moves what is not public."""
    for path in paths:
        module, _, name = path.rpartition(".")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            pass
    raise ImportError(f"none of {', '.join(paths)} is there")


def entering(table: dict[Any, Any]) -> Callable[..., Callable[[F], F]]:
    """What enters a function in a table, under each of some callables."""

    def enters(*callables: Any) -> Callable[[F], F]:
        def enter(function: F) -> F:
            for callable in callables:
                table[callable] = function
            return function

        return enter

    return enters


implements = entering(functions)  # a function as the implementation of NumPy callables
implements_builtin = entering(builtin_functions)  # ... of Python builtins or functions of ``math``


def as_taken(
    function: Any, implementation: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """The arguments of a library's function as an implementation takes them, which may name them otherwise.

    Those that it does not take are left as they are: the call says so.
    """
    if not kwargs:
        return args, kwargs
    try:
        taken = inspect.signature(implementation)
    except (TypeError, ValueError):
        return args, kwargs
    if _takes(taken, args, kwargs):
        return args, kwargs
    try:
        signature = inspect.signature(function)
        bound = signature.bind(*args, **kwargs)
    except (TypeError, ValueError):  # of a function in C, or a call that Python refuses
        return args, kwargs
    names = zip(signature.parameters, taken.parameters, range(len(bound.args)), strict=False)
    # A parameter that the function has in another place is no other name for that in this one.
    if any(own != other and other in signature.parameters for own, other, _ in names):
        return args, kwargs
    moved = bound.args, bound.kwargs
    return moved if _takes(taken, *moved) else (args, kwargs)


def _takes(signature: inspect.Signature, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True
