"""Which fixtures do these tests share?"""

from tests.projections.folding import empty

__all__ = ["empty"]
