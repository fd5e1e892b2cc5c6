"""What can be done with one agent: look, drain, revoke?"""

from urllib.parse import quote

from rollbook.client.async_transport import AsyncTransport
from rollbook.client.errors import Conflict
from rollbook.client.fleet import AgentRecord
from rollbook.client.moments import Moment, moment


class AsyncAgent:
    """One agent by its name."""

    def __init__(self, transport: AsyncTransport, name: str) -> None:
        """Ask nothing yet."""
        self._transport, self._name = transport, name
        self._path = f"/v1/agents/{quote(name, safe='')}"

    def __repr__(self) -> str:
        """Write what it is called everywhere."""
        return f"<agent {self._name}>"

    @property
    def name(self) -> str:
        """Return its name."""
        return self._name

    async def status(self, *, as_of: Moment | None = None) -> AgentRecord:
        """Read where it speaks, and whether it answers."""
        answer = await self._transport.get(self._path, as_of=moment(as_of))
        return AgentRecord.model_validate(answer["data"])

    async def drain(self, reason: str, *, key: str | None = None) -> None:
        """Let it keep what it serves, and let no change wait for it."""
        await self._transport.post(f"{self._path}/drains", {"reason": reason}, key=key)

    async def undrain(self, reason: str, *, key: str | None = None) -> None:
        """Let it take part again; it catches up by itself."""
        path = f"{self._path}/undrains"
        await self._transport.post(path, {"reason": reason}, key=key)

    async def revoke(self, reason: str, *, key: str | None = None) -> None:
        """Let it speak for nothing any more: neither it nor its token."""
        token = (await self.status()).token
        await self._revoke(self._path, reason, key)
        if token is not None:
            path = f"/v1/access/tokens/{token}"
            await self._revoke(path, reason, key and f"{key}/token")

    async def _revoke(self, path: str, reason: str, key: str | None) -> None:
        """Revoke it; what was revoked before is no failure, so that both can end."""
        body = {"reason": reason}
        try:
            await self._transport.post(f"{path}/revocations", body, key=key)
        except Conflict as error:
            if error.reason != "already_revoked":
                raise
