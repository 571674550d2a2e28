"""Names and options as other libraries spell them are answered with ours."""

import re
from typing import Any

import pytest

import autodiff
from autodiff.spellings import NAMES, OPTIONS


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_another_library_is_told_ours(name: str) -> None:
    advice = re.escape(f"module 'autodiff' has no attribute '{name}': {NAMES[name]}")
    with pytest.raises(AttributeError, match=advice):
        getattr(autodiff, name)
    assert not hasattr(autodiff, name)


@pytest.mark.parametrize("advice", sorted(set(NAMES.values())))
def test_what_is_advised_exists(advice: str) -> None:
    for path in re.findall(r"autodiff\.([\w.]+)", advice):
        found: Any = autodiff
        for part in path.split("."):
            found = getattr(found, part)
        assert callable(found)


def test_a_slip_of_the_pen_is_told_what_is_near() -> None:
    with pytest.raises(AttributeError, match=r"'gradiant': did you mean autodiff\.gradient\?"):
        autodiff.gradiant  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'xyzzy'$"):
        autodiff.xyzzy  # noqa: B018


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("transform", [autodiff.gradient, autodiff.function, autodiff.vmap])
def test_an_option_of_another_library_is_told_ours(option: str, transform: Any) -> None:
    with pytest.raises(TypeError, match=f"has no option '{option}'") as caught:
        transform(lambda x: x, **{option: 1})
    remedy = str(caught.value).split("Remedy: ")[1]
    assert remedy.startswith(OPTIONS[option].replace("{given}", "1") + " (its options are ")


def test_a_slip_in_an_option_is_told_what_is_near() -> None:
    with pytest.raises(TypeError, match="did you mean threads"):
        autodiff.gradient(lambda x: x, thread=2)


@pytest.mark.parametrize("product", [autodiff.jvp, autodiff.vjp, autodiff.linearize])
def test_so_is_one_of_products(product: Any) -> None:
    given = ((1.0,), (1.0,)) if product is autodiff.jvp else (1.0,)
    with pytest.raises(TypeError, match=f"{product.__name__} has no option 'argnums'") as caught:
        product(lambda x: x, *given, argnums=0)
    assert "use wrt=0, or" in str(caught.value)


@pytest.mark.parametrize("given", [0, 2, (0, 1), -1])
@pytest.mark.parametrize("option", ["argnum", "argnums"])
def test_the_position_advised_is_the_one_given(option: str, given: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(f"use wrt={given!r}, or")):
        autodiff.gradient(lambda x, y, z: x, **{option: given})
