"""How long was a version stable somewhere, and how often did a lane change?"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rollbook.catalogue.lane import StableAdvanced
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    GateEvaluated,
    GateResult,
    PromotionDispatched,
)
from rollbook.envelope import Envelope
from rollbook.names import ModelName, PromotionId, StageName, Version
from rollbook_services.policy.gates.rate import Rate
from rollbook_services.policy.gates.soak import Soak
from tests.services.invariants.asked import Asked
from tests.services.invariants.glass import told
from tests.services.invariants.surroundings import Surroundings


@dataclass
class Stays:
    """An account of what was stable where, from when on."""

    model: ModelName
    around: Surroundings
    asked: dict[PromotionId, Asked]
    stable: defaultdict[StageName, list[tuple[datetime, Version]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    forward: defaultdict[StageName, list[datetime]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def see(self, recorded: Envelope[ModelEvent]) -> None:
        """Follow one event."""
        match recorded.event:
            case StableAdvanced(stage=stage, version=version):
                self.stable[stage].append((recorded.at, version))
            case GateEvaluated() | PromotionDispatched() as event:
                for each in told(event):
                    self._is_scanned(event.promotion, each, recorded.at)
            case _:
                pass
        if isinstance(recorded.event, PromotionDispatched):
            asked = self.asked[recorded.event.promotion]
            if asked.is_forward:
                self.forward[asked.event.stage].append(recorded.at)

    def _is_scanned(
        self, promotion: PromotionId, said: GateResult, at: datetime
    ) -> None:
        """Compare what a gate said with a scan of all that was recorded."""
        asked = self.asked[promotion].event
        for gate in self.around.stage(self.model, asked.stage).gates:
            if gate.id != said.gate or said.status is GateStatus.WAIVED:
                continue
            passed = said.status is GateStatus.PASS
            if isinstance(gate, Soak):
                longest = self._longest(gate.stage, asked.version, at)
                assert passed == (longest >= gate.lasts), "I16: the longest stay"
            if isinstance(gate, Rate):
                since = at - gate.per
                many = sum(since < each <= at for each in self.forward[asked.stage])
                assert passed == (many < gate.max), "as many as the rate allows"

    def _longest(self, stage: StageName, version: Version, at: datetime) -> timedelta:
        """Walk through what was stable, event by event; a run goes on until another."""
        longest, since = timedelta(0), None
        for began, stable in [*self.stable[stage], (at, None)]:
            if stable == version and since is None:
                since = began
            elif stable != version and since is not None:
                longest, since = max(longest, began - since), None
        return longest
