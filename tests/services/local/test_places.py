"""Can an agent of a policy's own target serve what `rollbook up` runs?"""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from rollbook_services.credentials import read_credentials
from rollbook_services.local import up
from rollbook_services.serving import places
from rollbook_services.settings import Server, Settings


async def test_a_place_that_was_named_once_has_its_credentials_for_good(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    first = Settings(server=Server(data=data, places=("production/eu-1",)))
    async with up.running(first):
        identity = read_credentials(data / "credentials.json").content["agents"]
        assert identity["production/eu-1"]["seed"].startswith("SU")
        assert identity["production/eu-1"]["token"].startswith("rbk_")
    async with up.running(Settings(server=Server(data=data))):
        held = read_credentials(data / "credentials.json")
        assert set(held.content["agents"]) == {
            "staging/default",
            "production/default",
            "production/eu-1",
        }
        config = (data / "nats" / "server.conf").read_text()
        assert re.search(r"rollbook\.wake\.production\.eu-1", config)
    assert places((), held)[-1] == ("production", "eu-1")


@pytest.mark.parametrize("place", ["eu-1", "production/eu.1", "a/b/c", "/x", ""])
def test_a_place_is_a_stage_and_a_target(place: str) -> None:
    with pytest.raises(ValidationError):
        Server(places=(place,))
