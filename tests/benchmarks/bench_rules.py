"""What does one decision cost, before any disk or network?"""

import gc
import itertools
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rollbook import canonical, catalogue, codec, subjects
from rollbook.codec import leaf_hash
from rollbook.commands.model import RegisterModel
from rollbook.envelope import Stamp
from rollbook.proof.validity import Accepted, Chain, check
from rollbook.refusals import Refusal
from rollbook.subjects import KEYS, Aggregate
from rollbook_services.registrar.deciding import decide_any, evolve_any
from rollbook_services.registrar.decision import Decided, Refused
from tests.benchmarks.author import CI_BOT, Author
from tests.benchmarks.measure import Line, at_most
from tests.benchmarks.run import ORIGIN, Run
from tests.benchmarks.workload import model_name, registration

VERSIONS = 1_000
ROUNDS = 2_000
DECISION_MICROSECONDS = 60.0
MODEL = model_name(1)


async def measure(run: Run) -> list[Line]:
    """Time rules and codec on a model with a thousand versions."""
    catalogue.load()
    author = Author(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), ORIGIN)
    genesis, *_ = author.open()
    author.ask(RegisterModel(model=MODEL), CI_BOT)
    bodies: list[bytes] = []
    for number in range(VERSIONS):
        bodies += author.ask(registration(MODEL, number), CI_BOT)
    chain = Chain()
    _accept(genesis, KEYS, chain)
    rounds = ROUNDS // 10 if run.is_quick else ROUNDS
    return [
        Line(
            f"decide and evolve RegisterVersion, {VERSIONS:,} versions",
            _microseconds(_decision(author), rounds),
            "µs",
            target=at_most(DECISION_MICROSECONDS),
        ),
        Line(
            "write an event: canonical bytes, signature",
            _microseconds(_writing(author), rounds),
            "µs",
            note=f"{len(bodies[-1]):,} bytes",
        ),
        Line(
            "judge an event: canonical bytes, signature, chain",
            _microseconds(_judging(bodies, chain), rounds),
            "µs",
        ),
    ]


def _microseconds(work: Callable[[], object], rounds: int) -> float:
    """Return the median of ten: a busy machine only ever makes it slower."""
    times = []
    gc.collect()
    for _ in range(10):
        begin = time.perf_counter()
        for _ in range(rounds // 10):
            work()
        times.append((time.perf_counter() - begin) / (rounds // 10))
    return sorted(times)[len(times) // 2] * 1e6


def _decision(author: Author) -> Callable[[], object]:
    folded = author.of(subjects.model(MODEL))
    around = author.around()
    command = registration(MODEL, VERSIONS + 1)
    stamp = author.stamp(CI_BOT)
    decided = decide_any(command, folded.state, around, stamp)
    assert not isinstance(decided, Refusal | Refused | Decided)
    body, raw = author.sign(decided[0], stamp, 0, folded.aggregate, folded.link)
    envelope = codec.read(raw, body, folded.sequence + 1)

    def decide_and_evolve() -> None:
        decide_any(command, folded.state, around, stamp)
        evolve_any(folded.state, envelope)

    return decide_and_evolve


def _writing(author: Author) -> Callable[[], object]:
    folded = author.of(subjects.model(MODEL))
    stamp: Stamp = author.stamp(CI_BOT)
    command = registration(MODEL, VERSIONS + 1)
    decided = decide_any(command, folded.state, author.around(), stamp)
    assert not isinstance(decided, Refusal | Refused | Decided)
    event = decided[0]
    return lambda: author.sign(event, stamp, 0, folded.aggregate, folded.link)


def _judging(bodies: list[bytes], chain: Chain) -> Callable[[], object]:
    """Judge one after another: a signature that was just verified is remembered."""
    aggregate = subjects.model(MODEL)
    links = [codec.Link(codec.parse(body)["rev"], leaf_hash(body)) for body in bodies]
    steps = itertools.cycle(list(zip(links, bodies[1:], strict=False)))

    def judge() -> None:
        chain.links[aggregate], body = next(steps)
        verdict = check(body, subjects.subject(aggregate), 2, chain)
        assert isinstance(verdict, Accepted), verdict

    return judge


def _accept(body: bytes, aggregate: Aggregate, chain: Chain) -> None:
    verdict = check(body, subjects.subject(aggregate), 1, chain)
    assert isinstance(verdict, Accepted), verdict
    chain.accept(verdict)
    assert canonical.dumps(verdict.raw) == body
