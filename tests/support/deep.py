"""How much does a test do: enough for each commit, or all that a night allows?

The same switch as for hypothesis: `ROLLBOOK_TEST_PROFILE=deep`.
"""

import os
from typing import Final

IS_DEEP: Final = os.environ.get("ROLLBOOK_TEST_PROFILE") == "deep"


def many(usual: int, *, deep: int) -> int:
    """Choose how often."""
    return deep if IS_DEEP else usual
