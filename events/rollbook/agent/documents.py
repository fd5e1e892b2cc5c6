"""Which documents hold for a model now, and which of them cannot be read?

What may not be acted on changes nothing: where a better one was read before, that one
goes on holding.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from rollbook.agent.desired import Desired, Heading, Mark, Refused, peek_revision, read
from rollbook.agent.outside import Outside
from rollbook.agent.promised import Promised
from rollbook.agent.settings import Settings
from rollbook.agent.state import StateFile
from rollbook.ledger.edge import Edge
from rollbook.names import Digest


@dataclass(frozen=True, slots=True)
class Documents:
    """What every lane says of one model on this target."""

    own: Desired | None
    beside: tuple[Desired, ...] = ()
    unreadable: tuple[Heading, ...] = ()
    """Genuine and new, but written by a newer release."""
    seen: Mapping[str, int] = field(default_factory=dict)
    """The revision that was there, or promised, of each key: more supersedes these."""
    late: frozenset[str] = frozenset()
    """Keys of which a newer document was promised than is there."""
    is_whole: bool = True
    """Whether each key's newest is here: only then can be told what is foreign."""

    @property
    def all(self) -> tuple[Desired, ...]:
        """List them, the target's own first."""
        return (self.own, *self.beside) if self.own else self.beside

    @property
    def digests(self) -> Collection[Digest]:
        """Name every artifact that one of them speaks of."""
        return {
            variant.digest
            for desired in self.all
            for variant in desired.event.variants.values()
        }


class Reader:
    """Reads the documents of each model, and remembers the last good ones."""

    def __init__(
        self,
        settings: Settings,
        promised: Promised,
        state: StateFile,
        outside: Outside,
    ) -> None:
        """Take the place, what is promised, and how far each key has come."""
        self._settings, self._promised = settings, promised
        self._state, self._outside = state, outside
        self._good: dict[str, Desired] = {}

    async def read(self, edge: Edge, home: str) -> Documents:
        """Read every document of one model; Unavailable when the bucket is away."""
        found: dict[str, Desired | Refused | None] = {}
        seen, late = {}, set()
        for key in sorted(self._promised.of(home)):
            value = (await edge.desired.get(key)).value
            found[key] = self._judge(key, value)
            there, promised = _revision(value), self._promised.revision(key)
            seen[key] = max(there, promised)
            if there < promised:
                late.add(key)
        good = dict(self._holding(found))
        return Documents(
            own=good.get(home),
            beside=tuple(each for key, each in good.items() if key != home),
            unreadable=tuple(
                each.heading
                for each in found.values()
                if isinstance(each, Refused) and each.heading
            ),
            seen=seen,
            late=frozenset(late),
            is_whole=not late and all(map(self._is_known, found, found.values())),
        )

    def _judge(self, key: str, value: bytes | None) -> Desired | Refused | None:
        if value is None:
            return None
        config = self._settings.config
        found = read(
            value,
            key=key,
            stage=config.stage,
            target=config.target,
            trusted=self._settings.trusted,
            mark=self._mark(key),
        )
        if isinstance(found, Desired):
            self._outside.is_over("refused", key)
        elif self._outside.tell_once("refused", key, f"{found.reason}, {found.detail}"):
            self._outside.metrics.refused[found.reason] += 1
        return found

    def _mark(self, key: str) -> Mark:
        """Never go back behind what holds, though nothing was said of it yet."""
        good, known = self._good.get(key), self._state.remembered.keys.get(key)
        marks = [good.heading.mark] if good else []
        marks += [known.mark] if known else []
        return Mark(
            max((mark.revision for mark in marks), default=0),
            max((mark.token for mark in marks), default=0),
        )

    def _holding(
        self, found: dict[str, Desired | Refused | None]
    ) -> Iterator[tuple[str, Desired]]:
        for key, each in found.items():
            if isinstance(each, Desired):
                self._good[key] = each
            if good := self._good.get(key):
                yield key, good

    def _is_known(self, key: str, found: Desired | Refused | None) -> bool:
        """Tell whether what this lane wants is known; a missing one wants nothing."""
        known = self._state.remembered.keys.get(key)
        return isinstance(found, Desired) or (
            found is None and (known is None or not known.served)
        )


def _revision(value: bytes | None) -> int:
    return peek_revision(value) if value is not None else 0
