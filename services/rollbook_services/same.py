"""How is something remembered of one object, and of no other that equals it?"""

from typing import Generic, TypeVar

T = TypeVar("T")


class Same(Generic[T]):
    """An immutable object by its identity: a key of what was found out about it.

    It keeps the object alive, so its identity is nobody else's meanwhile.
    """

    __slots__ = ("it",)

    def __init__(self, it: T) -> None:
        """Remember the object."""
        self.it = it

    def __eq__(self, other: object) -> bool:
        """Tell whether it is the very same object."""
        return isinstance(other, Same) and self.it is other.it

    def __hash__(self) -> int:
        """Hash the identity."""
        return id(self.it)
