"""Kernels call kernels, and code on disk is known by all that it is made from."""

from types import FunctionType

import pytest

from proofolio import compiled
from proofolio.compiled import Kernel

TIMES = 3.0


def _inner(a: float) -> float:
    return TIMES * a


inner = Kernel(_inner)


def _outer(a: float) -> float:
    return inner(a) + 1.0


def remade(source, **changed):
    """Return the kernel of a function that sees other globals."""
    return Kernel(FunctionType(source.__code__, source.__globals__ | changed, source.__name__))


def test_a_kernel_calls_a_kernel(back_end):
    assert Kernel(_outer)(2.0) == 7.0


def test_the_name_of_code_on_disk_follows_constants_and_callees():
    def _inner(a: float) -> float:
        return TIMES * a * a

    def same() -> Kernel:
        return remade(_outer, inner=remade(globals()["_inner"]))

    digest = compiled._digest
    assert digest(same()) == digest(same()) == digest(Kernel(_outer))
    assert digest(remade(_outer, inner=Kernel(_inner))) != digest(Kernel(_outer))
    assert digest(remade(_outer, inner=remade(globals()["_inner"], TIMES=4.0))) != digest(Kernel(_outer))


def test_a_kernel_that_calls_an_edited_one_is_compiled_anew():
    pytest.importorskip("numba")
    assert remade(_outer)(2.0) == 7.0
    assert remade(_outer, inner=remade(_inner, TIMES=5.0))(2.0) == 11.0
