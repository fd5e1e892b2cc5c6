"""What can be done with the rules under one name: read, endorse, activate, retire?"""

from rollbook.client.async_transport import AsyncTransport
from rollbook.client.bodies import without_none
from rollbook.client.governing import PolicyRecord, RevisionRecord
from rollbook.client.moments import Moment, moment
from rollbook.client.resources import has_event, is_whole, policy_path


class AsyncPolicy:
    """The rules under one name; digests may be shortened to their beginning."""

    def __init__(self, transport: AsyncTransport, name: str) -> None:
        """Ask nothing yet."""
        self._transport, self._name = transport, name
        self._path = policy_path(name)

    def __repr__(self) -> str:
        """Write what it is called everywhere."""
        return f"<policy {self._name}>"

    @property
    def name(self) -> str:
        """Return its name."""
        return self._name

    async def status(self, *, as_of: Moment | None = None) -> PolicyRecord:
        """Read what holds, and all that was ever proposed."""
        answer = await self._transport.get(self._path, as_of=moment(as_of))
        return PolicyRecord.model_validate(answer["data"])

    async def revision(
        self, digest: str = "active", *, as_of: Moment | None = None
    ) -> RevisionRecord:
        """Read one revision with its document."""
        answer = await self._transport.get(
            f"{self._path}/revisions/{digest}", as_of=moment(as_of)
        )
        return RevisionRecord.model_validate(answer["data"])

    async def endorse(
        self, digest: str, comment: str | None = None, *, key: str | None = None
    ) -> None:
        """Agree to what somebody else proposed."""
        body = {"digest": await self._whole(digest), "comment": comment}
        path = f"{self._path}/endorsements"
        await self._transport.post(path, without_none(body), key=key)

    async def activate(self, digest: str, *, key: str | None = None) -> None:
        """Let proposed rules hold, once enough people agree."""
        body = {"digest": await self._whole(digest)}
        await self._transport.post(f"{self._path}/activations", body, key=key)

    async def retire(self, reason: str, *, key: str | None = None) -> bool:
        """Want the rules to hold for nothing; returns whether that is so now.

        False: as many people as they ask for have not wanted it yet.
        """
        path = f"{self._path}/retirements"
        answer = await self._transport.post(path, {"reason": reason}, key=key)
        return has_event(answer, "policy.retired")

    async def _whole(self, digest: str) -> str:
        return digest if is_whole(digest) else (await self.revision(digest)).digest
