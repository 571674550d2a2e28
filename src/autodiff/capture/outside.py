"""The world outside of the function: what is read at every call, and what is guarded."""

from __future__ import annotations

import copy
import functools
import operator
from collections import deque
from types import (
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers, labelled
from autodiff.capture.identities import Identities
from autodiff.capture.inputs import HELD_BY_IDENTITY, is_library
from autodiff.capture.lists import is_stored
from autodiff.capture.paths import Guard, Path
from autodiff.ladder import Declined
from autodiff.later import later
from autodiff.ops.tracer import (
    SUPPORTED_KINDS,
    StoredList,
    Tracer,
)
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture import gathered
else:
    gathered = later("autodiff.capture.gathered")

MAXIMUM_COMPARED = 4096  # elements of an array that is compared at every call

# Kinds of containers whose parts are reached by an index or key.
_READ_BY_ITEM = frozenset(("list", "tuple", "named tuple", "dict", "deque"))

_PLAIN = (int, float, complex, str, bytes, type(None), np.generic)

# What tells an item or attribute and nothing else, and cannot change.
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)


class Outside(Identities):
    """What lies outside of the function: read at each call, or guarded."""

    def guard_hashed(self, obj: Any) -> None:
        """Have the objects from outside by which something is found or told apart be the same ones.

        Their hash and equality are those of a class that compares by identity: what else they hold
        is no guard.
        """
        for part in self.instances_in(obj):
            self.guards.append(Guard(self.paths[id(part)], "is", part))

    def lift(self, obj: Any, path: Path, changing: bool = False) -> Any:
        """What the interpreter works with for an object reached by ``path``.

        With ``changing`` an int is an input as well: a counter has another value at each call.
        """
        if isinstance(obj, Tracer):
            return obj
        if self.stand_in is not None:
            found = self.stand_in(obj, path)
            if found is not None:
                return found
        if id(obj) in self.kept:
            return self.kept[id(obj)][1]
        if id(obj) in self.remade and path.is_of_arguments:
            made, at = self.remade[id(obj)]
            self.guards.append(Guard(path, "alias", at))
            return made
        if isinstance(obj, np.ndarray):
            return self._lift_array(obj, path)
        if isinstance(obj, np.flatiter):  # of an array that is no input
            self.tier.decline(f"{path.describe()}, of an array of {obj.base.dtype} from outside")
            return obj
        if labelled.is_labelled(obj):
            labels = labelled.take_apart(obj)[0]
            at = Path(f"_labels_of({path.text})", (*path.roots, ("_labels_of", labelled.labels_of)))
            self.guards.append(Guard(at, "equal", labels))
            values = self._lift_array(obj.to_numpy(), Path(f"{path.text}.to_numpy()", path.roots))
            return labelled.put_together(labels, values)
        changing = changing or (self.state is not None and self.state.is_inside(path))
        if type(obj) is float or isinstance(obj, np.floating) or (changing and is_count(obj)):
            key = self.tier.key(path, obj)
            known = self.by_path.get(key)
            if known is None:
                self.keep_alive.append(obj)
                self.guards.append(Guard(path, "type", type(obj)))
                known = self.by_path[key] = self.add_input(obj, path, None, _hint(path))
            elif self.state is not None:
                self.state.read.add(path.text)
            return known
        self.guard(obj, path)
        return obj

    def _lift_array(self, array: np.ndarray, path: Path) -> Any:
        kind = array.dtype.kind
        if kind not in SUPPORTED_KINDS or type(array) not in (np.ndarray, np.memmap):
            return self._keep_constant(array, path)
        known = self.by_path.get(path.text) if self.tier.reusable else None
        if known is not None:
            return known
        shared = self.by_array.get(id(array))
        if not self.tier.reusable and shared is not None:
            return shared
        if shared is not None:
            # Two ways to one array: they must stay two ways to one array.
            self.guards.append(Guard(path, "is", array))
            first = next(r for r in self.inputs if r.cell is shared.cell)
            self.guards.append(Guard(first.path, "is", array))
        else:
            shared = self.add_input(array, path, None, _hint(path))
            self.by_array[id(array)] = shared
            self.keep_alive.append(array)
        self.by_path[path.text] = shared
        return shared

    def _keep_constant(self, array: np.ndarray, path: Path, is_same: bool = True) -> np.ndarray:
        """An array that is no input (of strings, dates, complex numbers): its contents are compared."""
        plain = type(array) in (np.ndarray, np.memmap) and not array.dtype.hasobject
        if not (plain and array.size <= MAXIMUM_COMPARED):
            what = type(array).__name__ if type(array) is not np.ndarray else array.dtype
            reason = f"{path.describe()}, an array of {what} from outside of the function"
            self.tier.decline(reason)
        if is_same:
            if not self._is_view_by_attribute(array, path):
                self.guards.append(Guard(path, "is", array))
            self.remember(array, path)
        if self.tier.reusable:
            self.guards.append(Guard(path, "contents", array.tobytes()))
        return array

    def _is_view_by_attribute(self, array: np.ndarray, path: Path) -> bool:
        """Whether it is what an attribute of a known array makes anew at every read (``A.T``)."""
        owner = self.paths.get(id(array.base))
        return owner is not None and path.text.startswith(f"{owner.text}.")

    def guard(self, obj: Any, path: Path) -> None:
        """Make the capture valid only while ``path`` leads to what it led to now."""
        if isinstance(obj, np.void) and obj.dtype.names:  # its fields are read one by one
            self.guards.append(Guard(path, "type", type(obj)))
            self.guards.append(Guard(path.attribute("dtype"), "equal", obj.dtype))
            self.remember(obj, path)
            self.instances.add(id(obj))
        elif type(obj) is np.ndarray:  # of text, dates
            self.guards.append(Guard(path, "type", np.ndarray))
            for name in ("dtype", "shape"):
                self.guards.append(Guard(path.attribute(name), "equal", getattr(obj, name)))
            self._keep_constant(obj, path, is_same=False)
            self.remember(obj, path)
        elif isinstance(obj, (int, str, bytes, complex, type(None), np.generic)):
            self.guards.append(Guard(path, "equal", obj))
        elif isinstance(obj, ModuleType) and obj.__name__.split(".")[0] in (
            "numpy",
            "scipy",
            "math",
        ):
            self.remember(obj, path)  # what these names mean does not change under a program
        elif isinstance(obj, HELD_BY_IDENTITY):
            self.guards.append(Guard(path, "is", obj))
            self.remember(obj, path)
        elif isinstance(obj, (list, tuple, deque)):
            self.guards.append(Guard(path, "type", type(obj)))
            self.guards.append(Guard(path, "length", len(obj)))
            self.lengths.append((id(obj), self.guards[-1]))
            self.remember(obj, path)
        elif containers.is_dict(obj) or isinstance(obj, MappingProxyType):
            self.guards.append(Guard(path, "type", type(obj)))
            self.guards.append(Guard(path, "keys", tuple(obj)))
            self.remember(obj, path)
        elif isinstance(obj, MethodType) or getattr(type(obj), "__autodiff_binds__", False):
            self.guards.append(Guard(path.attribute("__func__"), "is", obj.__func__))
            self.remember(obj, path)
            self.lift(obj.__self__, path.attribute("__self__"))
        elif _is_wrapper(obj):
            # What it calls and how does not change; another one in its place is another function.
            self.guards.append(Guard(path, "is", obj))
            self.remember(obj, path)
            self.instances.add(id(obj))
        elif isinstance(obj, _GETTERS):
            self.guards.append(Guard(path, "is", obj))
            self.remember(obj, path)
        elif _compares(obj) and not labelled.is_foreign(obj) and is_library(type(obj)):
            # What can change (a set) is compared with what it is now.
            expected = obj if type(obj).__hash__ is not None else copy.copy(obj)
            self.guards.append(Guard(path, "equal", expected))
            self.remember(obj, path)
        else:
            # An instance: its attributes are read, and guarded, one by one.
            self.guards.append(Guard(path, "type", type(obj)))
            self.remember(obj, path)
            if path.is_of_arguments and containers.is_record(obj):
                self.guard_not_given(obj)
            self.instances.add(id(obj))

    def wrapped(self, wrapper: Any, name: str) -> Any:
        """What an object that wraps a function calls, under ``name``.

        Of a wrapper from outside, a method's object and a partial's arguments are read anew at every
        call; of one that the captured code made, they are what they are.
        """
        inner = getattr(wrapper, name)
        path = self.paths.get(id(wrapper))
        if path is None:
            return inner
        if _is_wrapper(inner) or isinstance(inner, HELD_BY_IDENTITY):
            return self.remember(inner, path.attribute(name))
        return self.lift(inner, path.attribute(name))

    def remove_guard(self, guard: Guard) -> None:
        """Take back a condition of which it has turned out that nothing depends on it."""
        at = max((k for k, g in enumerate(self.guards) if g is guard), default=None)
        if at is not None:
            del self.guards[at]

    def guard_class(self, cls: type, name: str, value: Any) -> None:
        """Make the capture valid only while a class has this function (or property) by that name."""
        if not is_library(cls):
            path = Path.root(cls, "t").attribute(name)
            found = getattr(cls, name, None)
            if found is not value and getattr(found, "__func__", None) is value:
                path = path.attribute("__func__")  # a class method
            self.guards.append(Guard(path, "is", value))

    def guard_presence(self, obj: Any, name: str, found: bool) -> None:
        """Make the capture valid only while an object has, or has not, an attribute."""
        path = self.paths.get(id(obj))
        if path is None and isinstance(obj, (type, ModuleType)) and not is_library(obj):
            path = Path.root(obj, "t")
        if path is not None and not isinstance(obj, _PLAIN):
            self.guards.append(Guard(path, "has" if found else "lacks", name))

    def deep(self, obj: Any, depth: int = 0) -> Any:
        """A container that comes from outside with everything in it lifted (a copy)."""
        if depth > 20:
            return obj
        path = self.paths.get(id(obj))
        copied = self._deep_in_new(obj, depth) if path is None else self._lifted(obj, path, depth)
        if copied is not obj:
            self.copies[id(copied)] = (copied, obj)
        return copied

    def original(self, x: Any, depth: int = 0) -> Any:
        """``x`` with the containers themselves for the copies that a library was given of them.

        New lists and dicts in which it put such copies hold the containers from then on.
        """
        if not self.copies or depth > 20 or self.is_external(x):
            return x
        copied, obj = self.copies.get(id(x), (None, None))
        if copied is x and x is not None:
            return obj
        if type(x) is dict:
            x.update({k: self.original(v, depth + 1) for k, v in x.items()})
        elif type(x) is list or (isinstance(x, StoredList) and not is_stored(x)):
            for k, item in enumerate(list.__iter__(x)):
                list.__setitem__(x, k, self.original(item, depth + 1))
        elif containers.is_plain_tuple(x):
            items = [self.original(item, depth + 1) for item in x]
            if any(a is not b for a, b in zip(items, x, strict=True)):
                return containers.tuple_of(type(x), items)
        return x

    def _lifted(self, obj: Any, path: Path, depth: int) -> Any:
        self.refuse_changed(obj)
        if isinstance(obj, MappingProxyType):
            return {k: self.deep(self.lift(x, path.item(k)), depth + 1) for k, x in obj.items()}
        kind = containers.kind_of(obj)
        if kind is None or kind.name not in _READ_BY_ITEM or not _iterates_plainly(obj):
            return obj
        whole = gathered.floats_of(self, obj)
        if whole is not None:
            return whole
        keys = list(kind.keys(obj))
        values = [
            self.deep(self.lift(x, path.item(k)), depth + 1)
            for k, x in zip(keys, kind.values(obj), strict=True)
        ]
        # A class of lists or dicts that reads like these is one to a library, and to Python's text.
        if _base_of(type(obj)) is list:
            return values
        if _base_of(type(obj)) is dict:
            return dict(zip(keys, values, strict=True))
        return kind.make(obj, keys, values)

    def _deep_in_new(self, obj: Any, depth: int) -> Any:
        """A list, tuple or dict made here, with what comes from outside in it lifted."""
        if type(obj) is dict:
            # Keys are not looked up: how the user's are compared may change the dict.
            values = list(obj.values())
            lifted = [self.deep(x, depth + 1) for x in values]
            if all(a is b for a, b in zip(lifted, values, strict=True)):
                return obj
            return run_users(dict, zip(obj, lifted, strict=True))
        if type(obj) not in (list, tuple) and not isinstance(obj, StoredList):
            return obj
        if getattr(obj, "store", None) is not None:
            return obj  # numbers alone
        before = list(list.__iter__(obj)) if isinstance(obj, list) else list(obj)
        items = [self.deep(x, depth + 1) for x in before]
        if all(a is b for a, b in zip(items, before, strict=True)):
            return obj
        return tuple(items) if type(obj) is tuple else items

    def reads_instance(self, obj: Any) -> bool:
        """Whether who gets ``obj`` may read attributes that no guard compares."""
        if id(obj) in self.instances:
            return True
        if containers.kind_of(obj) is None or is_stored(obj) or not self.instances:
            return False
        return containers.holds(
            obj,
            lambda part: id(part) in self.instances,
            lambda part: is_stored(part) or isinstance(part, FunctionType),
        )

    def instances_in(self, obj: Any) -> list[Any]:
        """The instances from outside that an object is, or holds."""
        if not self.instances:
            return []
        parts = containers.walk(obj, is_stored, keys=True)
        return [x for x in parts if id(x) in self.instances and id(x) in self.paths]

    def refuse_changed(self, obj: Any, what: str = "a use as a whole") -> None:
        """Decline to look at an object in a way that does not see what the function changed."""
        if self.state is not None and self.state.changes(obj):
            raise Declined(f"{what} of a {type(obj).__name__} that the function changes")


def _is_wrapper(obj: Any) -> bool:
    """Whether an object wraps a function, for good: a transformation, NumPy's loop, a cache."""
    known = isinstance(obj, (np.vectorize, functools._lru_cache_wrapper))
    return known or getattr(type(obj), "__autodiff_wraps__", False)


def _base_of(cls: type) -> type:
    """The class of Python's own that a class of containers is made from, or is."""
    return next(c for c in cls.__mro__ if containers.is_library_class(c))


def _iterates_plainly(obj: Any) -> bool:
    """Whether the class of a container leaves reading to Python's own."""
    cls = type(obj)
    if containers.is_library_class(cls):
        return True
    base = _base_of(cls)
    names = ("__iter__", "__getitem__", "__len__", "values", "items", "keys", "get")
    return all(getattr(cls, n, None) is getattr(base, n, None) for n in names)


def _compares(obj: Any) -> bool:
    """Whether a class says what equality is."""
    equality: Any = type(obj).__eq__
    # A namespace says no more than that its attributes are equal, which are read one by one; a sparse
    # array, which elements are.
    return (
        equality is not object.__eq__
        and type(obj).__name__ not in ("SimpleNamespace", "Namespace")
        and not str(type(obj).__module__).startswith("scipy.sparse.")
    )


def is_count(obj: Any) -> bool:
    """Whether a number that changes can be an int64 input."""
    return (type(obj) is int and -(2**62) < obj < 2**62) or isinstance(obj, np.integer)


def _hint(path: Path) -> str | None:
    name = path.text.split(".")[-1].split("[")[-1].strip("]'\"")
    return name if name.isidentifier() and not name.startswith("_") else None
