"""How does an agent stand at this moment?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollbook import subjects
from rollbook.agent.promised import OWN_TOKENS, Promised
from rollbook.agent.state import KeyState, Remembered


@dataclass(frozen=True, slots=True)
class ModelNow:
    """Where one document of a model stands."""

    model: str
    lane: str
    desired_revision: int
    applied_revision: int
    state: str
    """`promised`, `pending`, `applied`, `unapplied` or `drifted`."""
    reason_code: str | None


@dataclass(frozen=True, slots=True)
class Now:
    """How the whole agent stands."""

    stage: str
    target: str
    is_alive: bool
    """Whether the loop turned lately."""
    is_connected: bool
    lease: str
    is_drained: bool
    lease_age_seconds: float | None
    """None where none was ever granted."""
    reports_queued: int
    models: Sequence[ModelNow]


def models(promised: Promised, remembered: Remembered) -> Iterator[ModelNow]:
    """Say of each document how far it has come."""
    for home in promised.homes:
        for key, revision in sorted(promised.of(home).items()):
            stage, _, *model = key.replace("=", "%").split(".")
            known = remembered.keys.get(key)
            newest = max(revision, known.revision if known else 0)
            is_known = known is not None and known.revision == newest
            name = subjects.model_name(f"model.{'.'.join(model[:2])}")
            yield ModelNow(
                model=name or home,
                lane=model[2] if len(model) > OWN_TOKENS - 2 else stage,
                desired_revision=newest,
                applied_revision=known.applied_revision if known else 0,
                state=_state(known) if known and is_known else "promised",
                reason_code=known.reason_code if known and is_known else None,
            )


def _state(known: KeyState) -> str:
    return "drifted" if known.drifted is not None else known.outcome.value
