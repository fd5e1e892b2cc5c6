"""Does a web server get signed orders, and is only what it says believed?"""

import base64
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from standardwebhooks import Webhook

from rollbook.agent.driver import (
    Capability,
    Driver,
    Fault,
    Health,
    Interrupted,
    Observed,
    Setup,
    Unapplied,
)
from rollbook.agent.drivers.webhook import WebhookDriver
from rollbook.agent.drivers.webhook.signature import signed
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.errors import Misconfigured
from rollbook.names import Digest
from tests.events.agent.driver_contract import (
    PLACE,
    DriverContract,
    World,
    apply,
    file_variant,
    planned,
    split,
    wants,
)
from tests.events.agent.receiver import Asked, Told, always, receiver

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
CLAIMS = frozenset({Capability.WEIGHTS, Capability.MIRROR, Capability.HEALTH})
Answers = Callable[[Asked], Told]


@dataclass(slots=True)
class Deployments:
    """A service that believes signed orders only, each id once, and does them."""

    runs: dict[str, dict[str, int]] = field(default_factory=dict)
    refuses: set[int] = field(default_factory=set)
    asked: list[Asked] = field(default_factory=list)
    works_for: int = 0
    """Say 202 to an order, and to so many questions after it."""
    left: int = 0
    verdict: Told = field(default_factory=Told)

    def answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        Webhook(SECRET).verify(asked.body, asked.headers, json_parse=False)
        parts = urlsplit(asked.path)
        match parts.path:
            case "/deploy":
                return self._deploy(json.loads(asked.body))
            case "/work/1":
                self.left -= 1
                return self.verdict if self.left <= 0 else self._at_work()
            case _:
                [model] = parse_qs(parts.query)["model"]
                found = self.runs.get(model, {})
                if parts.path == "/health":
                    return Told(200 if found else 503)
                return Told(body=json.dumps({"runs": found}).encode())

    def _deploy(self, order: Any) -> Told:
        shares = order["variants"].values()
        if self.refuses & {each["version"] for each in shares}:
            return Told(422, b"cannot load it")
        runs: dict[str, int] = {}
        for each in shares:
            runs[each["digest"]] = runs.get(each["digest"], 0) + each["weight"]
        self.runs[order["model"]] = runs
        self.left = self.works_for
        return self._at_work() if self.works_for else Told()

    def _at_work(self) -> Told:
        return Told(202, headers={"Location": "/work/1", "Retry-After": "0"})


def made(folder: Path, port: int, **options: Any) -> WebhookDriver:
    url = f"http://127.0.0.1:{port}"
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    given = {
        "url": f"{url}/deploy",
        "observe_url": f"{url}/runs",
        "health_url": f"{url}/health",
        "secret_file": secret,
        "allow_private": True,
        "weights": True,
        "mirror": True,
        **options,
    }
    return WebhookDriver(Setup("production", "main", folder / "root", given))


def webhooks(folder: Path, service: Deployments, port: int) -> World:
    async def serves(target: Target) -> Mapping[Digest, int | None]:
        return {Digest(k): v for k, v in service.runs.get(target.model, {}).items()}

    async def publish(content: bytes, version: int) -> Variant:
        return file_variant(folder, content, version)

    async def refuse(variant: Variant) -> None:
        service.refuses.add(variant.version)

    async def disturb(target: Target) -> None:
        service.runs[target.model] = {f"sha256:{'0' * 64}": 100}

    return World(
        folder=folder,
        make=lambda: made(folder, port),
        serves=serves,
        capabilities=CLAIMS,
        variant=publish,
        refuse=refuse,
        disturb=disturb,
    )


@pytest.fixture
def service() -> Deployments:
    return Deployments()


@pytest.fixture
def port(service: Deployments) -> Iterator[int]:
    with receiver(service.answer) as listening:
        yield listening


@pytest.fixture
def world(tmp_path: Path, service: Deployments, port: int) -> World:
    return webhooks(tmp_path, service, port)


class TestWebhook(DriverContract):
    """The promises of every driver."""


class TestWebhookThatTakesItsTime(DriverContract):
    """The promises of every driver, by a server that answers 202."""

    @pytest.fixture
    def service(self) -> Deployments:
        return Deployments(works_for=2)


def test_a_signature_is_that_of_the_specification() -> None:
    """Its own example, and the reference library agree."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    id_ = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    headers = signed(id_, body, secret=base64.b64decode(secret[6:]), at=1614265330)
    assert headers == {
        "webhook-id": id_,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


async def test_an_order_names_its_place_and_revision(
    world: World, service: Deployments
) -> None:
    one, two = await world.variant(b"one", 6), await world.variant(b"two", 7)
    await apply(world, world.make(), wants(split(one, two), revision=9))
    order = service.asked[-1]
    assert order.headers["webhook-id"] == "acme/fraud/production/main/9"
    assert order.headers["content-type"] == "application/json"
    assert json.loads(order.body)["variants"]["canary"] == {
        "version": 7,
        "digest": two.digest,
        "size_bytes": 3,
        "uri": two.uri,
        "path": None,
        "weight": 5,
        "mirror": 0,
    }


async def test_another_try_is_the_same_message(
    world: World, service: Deployments
) -> None:
    wanted, driver = wants(await world.variant(b"one", 1)), world.make()
    plan = driver.plan(wanted, Observed())
    for _ in range(2):
        assert [step async for step in driver.apply(plan, world.context())]
    first, second = service.asked
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


@pytest.mark.parametrize(
    ("told", "fault", "is_passing"),
    [
        (Told(422, b"cannot  load\n"), Fault.LOAD_FAILED, False),
        (Told(400, b"?"), Fault.DRIVER_ERROR, False),
        (Told(401), Fault.PERMISSION_DENIED, False),
        (Told(403), Fault.PERMISSION_DENIED, False),
        (Told(429), Fault.DRIVER_ERROR, True),
        (Told(500), Fault.DRIVER_ERROR, True),
        (Told(503), Fault.DRIVER_ERROR, True),
        (Told(307, headers={"Location": "/deploy"}), Fault.DRIVER_ERROR, False),
        (Told(202), Fault.DRIVER_ERROR, False),
        (
            Told(202, headers={"Location": "http://127.0.0.1:1/work"}),
            Fault.DRIVER_ERROR,
            False,
        ),
        (Told(body=b"x" * 70_000), Fault.DRIVER_ERROR, False),
    ],
)
async def test_each_answer_is_what_it_says(
    tmp_path: Path, told: Told, fault: Fault, *, is_passing: bool
) -> None:
    asked: list[Asked] = []
    with receiver(always(told, asked)) as port:
        driver = made(tmp_path, port, deadline=10)
        why = await order(driver, webhooks(tmp_path, Deployments(), port))
    assert (why.fault, why.is_passing) == (fault, is_passing)
    assert [each.method for each in asked] == ["POST"]


async def order(driver: Driver, world: World) -> Unapplied:
    plan = driver.plan(wants(await world.variant(b"one", 1)), Observed())
    with pytest.raises(Unapplied) as why:
        [step async for step in driver.apply(plan, world.context())]
    return why.value


async def test_a_server_may_say_later_that_it_cannot(
    world: World, service: Deployments
) -> None:
    service.works_for, service.verdict = 3, Told(422, b"out of memory")
    why = await order(world.make(), world)
    assert (why.fault, why.is_passing) == (Fault.LOAD_FAILED, False)
    polls = [each for each in service.asked if each.path == "/work/1"]
    assert len(polls) == 3
    assert {each.headers["webhook-id"] for each in polls} == {
        "acme/fraud/production/main/1"
    }


async def test_a_hiccup_while_it_works_ends_nothing(
    world: World, service: Deployments
) -> None:
    told = [Told(500), Told(429), Told(503), Told(204)]
    service.works_for = 10

    def answer(asked: Asked) -> Told:
        is_work = asked.path == "/work/1"
        return told.pop(0) if is_work else service.answer(asked)

    with receiver(answer) as port:
        driver = made(world.folder, port, poll=0.01)
        plan = driver.plan(wants(await world.variant(b"one", 1)), Observed())
        [step] = [step async for step in driver.apply(plan, world.context())]
    assert step.line == "127.0.0.1 says 204"
    assert told == []


async def test_work_without_an_end_passes_its_deadline(
    world: World, service: Deployments, port: int
) -> None:
    service.works_for = 1_000_000
    why = await order(made(world.folder, port, deadline=0.4), world)
    assert (why.fault, why.is_passing) == (Fault.DRIVER_TIMEOUT, True)


async def test_a_stopping_agent_does_not_wait_for_the_work(
    world: World, service: Deployments
) -> None:
    service.works_for = 1_000_000
    driver = world.make()
    plan = driver.plan(wants(await world.variant(b"one", 1)), Observed())
    context = replace(world.context(), is_stopping=lambda: len(service.asked) > 2)
    with pytest.raises(Interrupted):
        [step async for step in driver.apply(plan, context)]


async def test_a_server_that_never_answers_may_pass(
    world: World, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        why = await order(made(tmp_path, port, timeout=0.2), world)
    assert (why.fault, why.is_passing) == (Fault.DRIVER_ERROR, True)
    assert "did not answer within 0.2 s" in why.detail


async def test_nobody_there_may_pass(world: World, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    driver = made(tmp_path, port)
    why = await order(driver, world)
    assert (why.fault, why.is_passing) == (Fault.DRIVER_ERROR, True)
    with pytest.raises(Unapplied):
        await driver.observe(PLACE)
    assert await driver.health(PLACE) is Health.UNKNOWN


async def test_a_name_of_ones_own_network_is_not_asked(
    world: World, service: Deployments, port: int
) -> None:
    driver = made(
        world.folder,
        port,
        **dict.fromkeys(
            ("url", "observe_url", "health_url"), f"https://localhost:{port}"
        ),
        allow_private=False,
    )
    why = await order(driver, world)
    assert (why.fault, why.is_passing) == (Fault.DRIVER_ERROR, False)
    assert "allow_private" in why.detail
    assert service.asked == []


async def test_a_receiver_on_this_machine_may_get_paths(
    world: World, service: Deployments, port: int
) -> None:
    driver, one = made(world.folder, port, fetch=True), await world.variant(b"one", 1)
    assert Capability.VERIFIES_DIGEST in driver.capabilities
    fetching, posting = (await planned(driver, wants(one))).lines
    assert fetching.startswith("fetch ")
    assert posting.endswith("acme/fraud#production/main: version 1 with 100 %")
    await apply(world, driver, wants(one))
    path = json.loads(service.asked[-1].body)["variants"]["stable"]["path"]
    assert (Path(path) / "model.bin").read_bytes() == b"one"


@pytest.mark.parametrize(
    ("options", "place", "says"),
    [
        ({"url": None}, "driver.url", ""),
        ({"observe_url": None}, "driver.observe_url", ""),
        ({"secret_file": None}, "driver", "one of secret_file and secret_env"),
        ({"secret_env": "X"}, "driver", "one of secret_file and secret_env"),
        ({"secret_file": "/nowhere"}, "driver.secret_file", "No such file"),
        ({"secret_file": None, "secret_env": "NO_SUCH"}, "driver.secret_env", "whsec_"),
        ({"allow_private": False}, "driver", "not secret on its way"),
        ({"retries": 3}, "driver.retries", ""),
    ],
)
def test_an_option_that_makes_no_sense_is_named(
    tmp_path: Path, options: dict[str, Any], place: str, says: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        made(tmp_path, 1, **options)
    assert str(refused.value).startswith(f"{place}:")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"]
)
def test_an_address_of_ones_own_network_is_refused_at_the_start(
    tmp_path: Path, host: str
) -> None:
    with pytest.raises(Misconfigured, match="is no public address"):
        made(
            tmp_path,
            1,
            url=f"https://{host}/",
            observe_url="https://a.example/",
            health_url=None,
            allow_private=False,
        )


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").write_text(SECRET)
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod it to 0600"):
        made(tmp_path, 1, secret_file=tmp_path / "open")


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "no base64!"])
def test_a_secret_that_is_none_is_refused(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", text)
    with pytest.raises(Misconfigured, match="base64 of 24 to 64 bytes"):
        made(tmp_path, 1, secret_file=None, secret_env="HOOK_SECRET")
