"""The public names: called with a function, used as decorators, and as decorators with options.

The overloads are for type checkers: a decorated function keeps the names of its parameters.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, Unpack, overload

from autodiff.api.classes import (
    Function,
    Gradient,
    Hessian,
    HessianVector,
    Jacobian,
    Matrix,
    SparseHessian,
    SparseJacobian,
    Sparsity,
    ValueAndGradient,
    Vmap,
)
from autodiff.api.options import (
    OF_DERIVATIVES,
    OPTIONS,
    no_function_remedy,
    refuse_unknown,
)
from autodiff.api.transformed import P, R, Transformed
from autodiff.errors import ArgumentError
from autodiff.tracebacks import without_our_frames

if TYPE_CHECKING:
    from autodiff.api.options import DerivativeOptions, MatrixOptions, Options
    from autodiff.transform.arguments import Wrt

    class _FunctionDecorator(Protocol):
        """``function`` with options, waiting for its function."""

        def __call__(self, f: Callable[P, R]) -> Function[P, R]: ...

    class _GradientDecorator(Protocol):
        """``gradient`` with options, waiting for its function."""

        def __call__(self, f: Callable[P, R]) -> Gradient[P, Any]: ...

    class _ValueAndGradientDecorator(Protocol):
        """``value_and_gradient`` with options, waiting for its function."""

        def __call__(self, f: Callable[P, R]) -> ValueAndGradient[P, tuple[R, Any]]: ...

    class _HessianVectorDecorator(Protocol):
        """``hessian_vector`` with options, waiting for its function."""

        def __call__(self, f: Callable[P, R]) -> HessianVector[P, Any]: ...

    class _JacobianDecorator(Protocol):
        """``jacobian`` with options, waiting for its function."""

        def __call__(self, f: Callable[P, Any]) -> Transformed[P, Any]: ...

    class _HessianDecorator(Protocol):
        """``hessian`` with options, waiting for its function."""

        def __call__(self, f: Callable[P, Any]) -> Transformed[P, Any]: ...

    class _SparsityDecorator(Protocol):
        """``sparsity`` with options, waiting for its function."""

        def __call__(self, f: Callable[P, R]) -> Sparsity[P, Any]: ...

    class _VmapDecorator(Protocol):
        """``vmap`` with options, waiting for its function."""

        def __call__(self, f: Callable[..., Any]) -> Vmap[..., Any]: ...


def _public(transform: Callable[P, R]) -> Callable[P, R]:
    """A transformation that users call: without a function it is a decorator, but None is no function."""

    @functools.wraps(transform)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        if args and args[0] is None:
            name = transform.__name__
            raise ArgumentError(
                f"{name} needs a function, not NoneType.", remedy=no_function_remedy(None, name)
            )
        return transform(*args, **kwargs)

    return without_our_frames(called)


def _decorator(cls: type[Transformed[..., Any]], function: Any, options: dict[str, Any]) -> Any:
    known = [n for n in OPTIONS if cls is not Function or n not in OF_DERIVATIVES]
    known += ["mode"] if issubclass(cls, Matrix) else []
    refuse_unknown(lambda: cls._transformation(cls.__new__(cls), None).name, options, known)
    if function is None:
        return without_our_frames(lambda f: cls(f, **options))
    return cls(function, **options)


@overload
def function(f: Callable[P, R], **options: Unpack[Options]) -> Function[P, R]: ...
@overload
def function(f: None = None, **options: Unpack[Options]) -> _FunctionDecorator: ...
@_public
def function(f: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function of NumPy arrays.

    Parameters
    ----------
    f : callable
        Plain NumPy code.  It is not changed.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Returns
    -------
    Function
        Called like ``f``, returns what ``f`` returns: same shapes, dtypes and containers.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> norm2 = autodiff.function(lambda x: np.sum(x * x))
    >>> norm2(np.array([3.0, 4.0]))
    np.float64(25.0)
    """
    return _decorator(Function, f, options)


@overload
def gradient(
    f: Callable[P, R], wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> Gradient[P, Any]: ...
@overload
def gradient(
    f: None = None, wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> _GradientDecorator: ...
@_public
def gradient(f: Callable[..., Any] | None = None, wrt: Wrt = None, **options: Any) -> Any:
    """The exact gradient of a function that returns one number.

    Parameters
    ----------
    f : callable
        Plain NumPy code that returns one floating-point number.
    wrt : str, int or sequence of them, optional
        Arguments to differentiate by, results in the order given; by default every argument of
        the call that is a number, an array or a container with some, whatever its dtype (but not
        Python's bools, strings, objects, or parameters left at their default).  One argument gives
        one result, several a tuple; containers keep their structure.  Derivatives by integers and
        bools are zero (float64), except that an integer *number* counts as a float where it is named
        here or where no argument holds a float.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Raises
    ------
    NotScalarError
        (a ``TypeError``) if the result is not one number.
    NameArgumentError
        (a ``ValueError``) if ``wrt`` names no argument.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.gradient(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    >>> autodiff.gradient(lambda x: x * x)(3)
    6.0
    >>> autodiff.gradient(lambda x, n: x**n)(3.0, 2)
    (6.0, 0.0)
    """
    return _decorator(Gradient, f, {"wrt": wrt, **options})


@overload
def value_and_gradient(
    f: Callable[P, R], wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> ValueAndGradient[P, tuple[R, Any]]: ...
@overload
def value_and_gradient(
    f: None = None, wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> _ValueAndGradientDecorator: ...
@_public
def value_and_gradient(f: Callable[..., Any] | None = None, wrt: Wrt = None, **options: Any) -> Any:
    """The value and the gradient together; arguments as for :func:`gradient`.

    Examples
    --------
    >>> import autodiff
    >>> autodiff.value_and_gradient(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """
    return _decorator(ValueAndGradient, f, {"wrt": wrt, **options})


@overload
def hessian_vector(
    f: Callable[P, R], wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> HessianVector[P, Any]: ...
@overload
def hessian_vector(
    f: None = None, wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> _HessianVectorDecorator: ...
@_public
def hessian_vector(f: Callable[..., Any] | None = None, wrt: Wrt = None, **options: Any) -> Any:
    """The Hessian of a scalar function times a vector, without the Hessian.

    The vector is passed as ``_tensors``: one array for one argument, a tuple for several.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> hv = autodiff.hessian_vector(lambda x: np.sum(x**3))
    >>> hv(np.array([1.0, 2.0]), _tensors=np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    return _decorator(HessianVector, f, {"wrt": wrt, **options})


@overload
def jacobian(
    f: Callable[P, Any], wrt: Wrt = None, sparse: bool = False, **options: Unpack[MatrixOptions]
) -> Transformed[P, Any]: ...
@overload
def jacobian(
    f: None = None, wrt: Wrt = None, sparse: bool = False, **options: Unpack[MatrixOptions]
) -> _JacobianDecorator: ...
@_public
def jacobian(
    f: Callable[..., Any] | None = None, wrt: Wrt = None, sparse: bool = False, **options: Any
) -> Any:
    """The Jacobian of an array-valued function: shape ``(*result, *argument)``.

    Parameters
    ----------
    f : callable
        Plain NumPy code that returns floating-point arrays.
    wrt : str, int or sequence of them, optional
        Arguments to differentiate by, as for :func:`gradient`.
    sparse : bool
        Whether to give a ``scipy.sparse.csr_array`` of shape (elements of the result, elements of the
        argument), both in C order; of several results or arguments one each, arranged as the full
        ones are.  It holds the elements that :func:`sparsity` tells of, also those that happen to be 0.
        Columns (or rows) that have no element in common are found by one product.
    **options
        ``mode``: "reverse" makes it row by row, "forward" column by column (of sparse ones by groups of
        them), "auto" by whichever are fewer.  A function that prints, draws or calls Python inside of a loop or branch, or that
        takes eigenvectors, is always swept in reverse.  ``holomorphic``, ``engine``, ``device``, ``threads``,
        ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    >>> steps = autodiff.jacobian(lambda x: x[1:] * x[:-1], sparse=True)(np.arange(1.0, 100_001.0))
    >>> steps.shape, steps.nnz
    ((99999, 100000), 199998)
    """
    return _decorator(SparseJacobian if sparse else Jacobian, f, {"wrt": wrt, **options})


@overload
def hessian(
    f: Callable[P, Any], wrt: Wrt = None, sparse: bool = False, **options: Unpack[MatrixOptions]
) -> Transformed[P, Any]: ...
@overload
def hessian(
    f: None = None, wrt: Wrt = None, sparse: bool = False, **options: Unpack[MatrixOptions]
) -> _HessianDecorator: ...
@_public
def hessian(
    f: Callable[..., Any] | None = None, wrt: Wrt = None, sparse: bool = False, **options: Any
) -> Any:
    """The Hessian of a scalar function: shape ``(*argument, *argument)``.

    Parameters
    ----------
    f : callable
        Plain NumPy code that returns one floating-point number.
    wrt : str, int or sequence of them, optional
        Arguments to differentiate by, as for :func:`gradient`.
    sparse : bool
        Whether to give a ``scipy.sparse.csr_array``, as for :func:`jacobian`.
    **options
        ``mode`` says how the Jacobian of the gradient is made, as for :func:`jacobian`: "forward"
        over reverse, or "reverse" over reverse.  ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 2.0]))
    array([[0., 4.],
           [4., 2.]])
    >>> rosenbrock = lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> autodiff.hessian(rosenbrock, sparse=True)(np.ones(100_000)).nnz
    299998
    """
    return _decorator(SparseHessian if sparse else Hessian, f, {"wrt": wrt, **options})


@overload
def sparsity(
    f: Callable[P, R], wrt: Wrt = None, **options: Unpack[Options]
) -> Sparsity[P, Any]: ...
@overload
def sparsity(f: None = None, wrt: Wrt = None, **options: Unpack[Options]) -> _SparsityDecorator: ...
@_public
def sparsity(f: Callable[..., Any] | None = None, wrt: Wrt = None, **options: Any) -> Any:
    """Which elements of the Jacobian may be other than zero: a ``csr_array`` of bool that shows itself.

    Exact in what indices, slices and stores do; an operation is taken to depend on all of its operands, a
    routine of linear algebra on all of its matrix, and of a branch on floating-point numbers both
    sides count.  That of the Hessian is ``sparsity(gradient(f))``.  ``autodiff.plot.sparsity`` draws it.

    Parameters
    ----------
    f : callable
        Plain NumPy code that returns floating-point arrays.
    wrt : str, int or sequence of them, optional
        Arguments to differentiate by, as for :func:`gradient`.
    **options
        ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> print(autodiff.sparsity(lambda x: x[1:] * x[:-1])(np.ones(4)))
    3 x 4, 6 elements, at most 2 in a row and 2 in a column
    X X . .
    . X X .
    . . X X
    """
    return _decorator(Sparsity, f, {"wrt": wrt, **options})


@overload
def vmap(
    f: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
    **options: Unpack[Options],
) -> Vmap[..., Any]: ...
@overload
def vmap(
    f: None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
    **options: Unpack[Options],
) -> _VmapDecorator: ...
@_public
def vmap(
    f: Callable[..., Any] | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
    **options: Any,
) -> Any:
    """A function of one lane as a function of many at once.

    ``vmap(f)(xs, ys)`` is ``np.stack([f(x, y) for x, y in zip(xs, ys)])``, as one compiled loop:
    each lane has the value of running alone, takes its own branches and makes its own number of
    iterations, and what lanes print, draw or store happens in their order.  It may be
    nested, differentiated, and put around derivatives: ``vmap(gradient(f))``.

    Parameters
    ----------
    f : callable
        Plain NumPy code for one lane, or a transformation of such.
    in_axes : int, None, or tuple of them
        Along which axis the lanes of each argument lie; None for what all lanes share.  One entry
        for all arguments, or a tuple of one for each; in place of an entry a container of
        entries, with the structure of the argument's first levels.  An argument given by keyword
        has the entry of its parameter, one that only goes by keyword axis 0.
    out_axes : int, None, or container of them
        Along which axis the lanes of each result lie; None for a result that is the same in all
        lanes, which is then given once.
    axis_size : int, optional
        The number of lanes, where no argument tells it.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Returns
    -------
    Vmap
        Called like ``f``.  Numbers become arrays, arrays have an axis more, containers keep their
        structure and None stays None.

    Raises
    ------
    ShapeError
        (a ``ValueError``) if the numbers of lanes differ, or an argument has no such axis.
    ArgumentError
        (a ``TypeError``) if entries do not fit what they are for, or a lane returns what is no
        number and no array.

    Notes
    -----
    A lane gets views of its part of the arrays, so what it stores there is stored in the batch, as
    in the loop.  Where lanes return numbers of two types, the stack has the wider one.  Without lanes
    the result is empty, and the effects of ``f`` do not happen.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.vmap(lambda x, w: x @ w, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    >>> slopes = autodiff.vmap(autodiff.gradient(lambda x: x**3))
    >>> slopes(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    known = [name for name in OPTIONS if name not in OF_DERIVATIVES]
    refuse_unknown(lambda: "vmap", options, ["in_axes", "out_axes", "axis_size", *known])
    axes = {"in_axes": in_axes, "out_axes": out_axes, "axis_size": axis_size}
    if f is None:
        return without_our_frames(lambda function: Vmap(function, **axes, **options))
    return Vmap(f, **axes, **options)
