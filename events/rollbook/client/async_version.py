"""What can be done with one version: record evidence, check, ask for it in a stage?"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rollbook.client import bodies
from rollbook.client.async_promotion import AsyncPromotion
from rollbook.client.async_transport import AsyncTransport
from rollbook.client.explanation import Explanation
from rollbook.client.models import EvidenceRecord, VersionRecord
from rollbook.client.moments import Moment, moment
from rollbook.client.resources import event_data, model_path
from rollbook.reference import ModelReference, PromotionReference, parse_promotion

Expected = int | Literal["any"] | None


class AsyncVersion:
    """One version of a model; `record` holds what was known of it when it was read."""

    def __init__(
        self, transport: AsyncTransport, model: ModelReference, record: VersionRecord
    ) -> None:
        """Take what the server said of it."""
        self._transport, self._model, self.record = transport, model, record
        self._path = f"{model_path(model)}/versions/{record.version}"

    def __repr__(self) -> str:
        """Write its name and its bytes."""
        return f"<version {self} {self.digest}>"

    def __str__(self) -> str:
        """Write what it is called everywhere."""
        return f"{self._model}@{self.number}"

    @property
    def model(self) -> str:
        """Return the model's name."""
        return str(self._model)

    @property
    def number(self) -> int:
        """Return its number; the server counts from 1."""
        return self.record.version

    @property
    def digest(self) -> str:
        """Return the digest of its bytes."""
        return self.record.digest

    @property
    def uri(self) -> str:
        """Return where its bytes lie."""
        return self.record.uri

    @property
    def metrics(self) -> Mapping[str, float]:
        """Return the metrics it was registered with."""
        return self.record.metrics

    async def evidence(
        self,
        *,
        kind: str,
        verdict: Literal["pass", "fail", "inconclusive"],
        metrics: Mapping[str, float] | None = None,
        dataset: str | None = None,
        report: str | Path | None = None,
        uri: str | None = None,
        digest: str | None = None,
        produced_at: datetime | None = None,
        valid_until: datetime | None = None,
        key: str | None = None,
    ) -> EvidenceRecord:
        """Record what an evaluation found.

        `dataset` is `name@digest` or `name=path`; of a `report` file the digest is
        recorded and its place, `uri` where it is kept elsewhere.
        """
        produced = produced_at or datetime.now(UTC)  # noqa: TID251  the caller's clock
        body = {
            "kind": kind,
            "verdict": verdict,
            "subject_digest": digest or self.digest,
            "metrics": bodies.numbers(metrics),
            "produced_at": moment(produced),
            "valid_until": moment(valid_until),
            **await asyncio.to_thread(bodies.measured, dataset, report, uri),
        }
        answer = await self._transport.post(
            f"{self._path}/evidence", bodies.without_none(body), key=key
        )
        [event] = answer["events"]
        return EvidenceRecord.model_validate({**event["data"], "evidence": event["id"]})

    async def list_evidence(
        self, *, as_of: Moment | None = None
    ) -> list[EvidenceRecord]:
        """Read what was found out about it, in the order it was recorded."""
        answer = await self._transport.get(
            f"{self._path}/evidence", as_of=moment(as_of)
        )
        return [EvidenceRecord.model_validate(row) for row in answer["data"]]

    async def check(
        self, stage: str, *, redeploy: bool = False, as_of: Moment | None = None
    ) -> Explanation:
        """Judge the gates of a stage now, or as things stood; nothing is recorded."""
        answer = await self._transport.get(
            f"{self._path}/checks",
            to=stage,
            kind="redeploy" if redeploy else None,
            as_of=moment(as_of),
        )
        return Explanation.model_validate(answer["data"])

    async def promote(
        self,
        stage: str,
        *,
        reason: str | None = None,
        expect: Expected = "any",
        redeploy: bool = False,
        retry_of: str | None = None,
        acknowledge_hold: str | None = None,
        key: str | None = None,
    ) -> AsyncPromotion:
        """Ask for it in a stage; gates and people decide.

        `expect` is the version that runs there now, None for nothing: Conflict is
        raised where another does.
        """
        optional: dict[str, Any] = {
            "reason": reason,
            "retry_of": parse_promotion(retry_of).number if retry_of else None,
            "acknowledge_hold": acknowledge_hold,
        }
        body = {
            "stage": stage,
            "version": self.number,
            "kind": "redeploy" if redeploy else "forward",
            "expected_incumbent": expect,
            **bodies.without_none(optional),
        }
        path = f"{model_path(self._model)}/promotions"
        answer = await self._transport.post(path, body, key=key)
        number = int(event_data(answer, "promotion.requested")["promotion"])
        reference = PromotionReference(self._model, number)
        return AsyncPromotion(self._transport, reference)
