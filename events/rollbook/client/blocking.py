"""How does a class of asynchronous methods get its blocking side?

Each method blocks while the one of the same name and signature runs in a background
loop.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from rollbook.client.background import BackgroundLoop

A = TypeVar("A")
B = TypeVar("B")
P = ParamSpec("P")
T = TypeVar("T")


class Blocking(Generic[A]):
    """The blocking side of something that runs in a background loop."""

    def __init__(self, loop: BackgroundLoop, inner: A) -> None:
        """Take what runs, and where."""
        self._loop, self._inner = loop, inner

    def __repr__(self) -> str:
        """Write it as what it stands for."""
        return repr(self._inner)

    def __str__(self) -> str:
        """Write it as what it stands for."""
        return str(self._inner)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work in the background loop."""
        return self._loop.run(work)

    def show(self, kind: Callable[[BackgroundLoop, B], T], inner: B) -> T:
        """Give something that runs in the same loop its blocking side."""
        return kind(self._loop, inner)


def blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Blocking[A], P], T]:
    """Make a blocking method with the signature of an asynchronous one."""

    @wraps(method)
    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(method(self._inner, *args, **kwargs))

    return call


def handing(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, B]],
    kind: Callable[[BackgroundLoop, B], T],
) -> Callable[Concatenate[Blocking[A], P], T]:
    """Make a blocking method whose answer has methods of its own."""

    @wraps(method)
    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.show(kind, self.run(method(self._inner, *args, **kwargs)))

    return call
