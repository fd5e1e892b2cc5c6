"""Does the ledger in memory keep every promise of a ledger?"""

import pytest

from rollbook.ledger.memory import MemoryLedger
from rollbook.ledger.protocol import Ledger
from tests.events.ledger.contract import FRAUD, LedgerContract, draft


class TestMemoryLedger(LedgerContract):
    """Every promise, without a server."""

    @pytest.fixture
    def ledger(self) -> Ledger:
        return MemoryLedger()


async def test_an_injected_message_moves_the_guard() -> None:
    ledger = MemoryLedger()
    assert ledger.inject("rollbook.ledger.model.default.fraud", b"foreign") == 1
    assert await ledger.append([draft()], expected={FRAUD: 1}) == [2]
