"""Which agents does the ledger know, and what of them?"""

from sqlalchemy import Connection, Row, select

from rollbook.names import AgentName, EventId, StageName, TargetName
from rollbook_projections.tables import as_of
from rollbook_services.conductor.react.leasing import Agent
from rollbook_services.conductor.tables import AGENTS

_NOW = select(AGENTS).where(as_of(AGENTS, None))


def agents(connection: Connection) -> list[Agent]:
    """Return every agent by name, those that were revoked too."""
    return [_agent(row) for row in connection.execute(_NOW.order_by(AGENTS.c.agent))]


def agent(connection: Connection, name: str) -> Agent | None:
    """Return one agent; None where nobody enrolled it."""
    row = connection.execute(_NOW.where(AGENTS.c.agent == name)).one_or_none()
    return None if row is None else _agent(row)


def _agent(row: Row[tuple[object, ...]]) -> Agent:
    return Agent(
        agent=AgentName(row.agent),
        stage=StageName(row.stage),
        target=TargetName(row.target),
        is_present=row.is_present,
        session=row.session,
        event=EventId(row.event),
        public_key=row.public_key,
        is_revoked=row.is_revoked,
        is_drained=row.is_drained,
    )
