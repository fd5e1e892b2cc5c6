"""How do an agent's numbers look to Prometheus?

The text format 0.0.4: a line that says what kind a number is, then the numbers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rollbook.agent.metrics import APPLIED, BOUNDS_SECONDS, Metrics
from rollbook.agent.standing import Now

PREFIX: Final = "rollbook_agent_"
_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Labels = Mapping[str, str]
Sample = tuple[Labels, float]
NO_LABELS: Final[Labels] = {}


def text(metrics: Metrics, now: Now) -> bytes:
    """Write the text that Prometheus reads."""
    lines = [*_standing(now), *_happened(metrics), *_histogram(metrics)]
    return "".join(f"{line}\n" for line in lines).encode()


def _standing(now: Now) -> Iterator[str]:
    connected = [(NO_LABELS, float(now.is_connected))]
    yield from _family("connected", "gauge", "Whether NATS is there.", connected)
    if now.lease_age_seconds is not None:
        age = [(NO_LABELS, now.lease_age_seconds)]
        what = "How long ago the lease was granted."
        yield from _family("lease_age_seconds", "gauge", what, age)
    what = "Reports that nobody has answered yet."
    queued = [(NO_LABELS, float(now.reports_queued))]
    yield from _family("reports_queued", "gauge", what, queued)
    places = [{"model": each.model, "lane": each.lane} for each in now.models]
    desired = [float(each.desired_revision) for each in now.models]
    applied = [float(each.applied_revision) for each in now.models]
    for word, revisions in (("desired", desired), ("applied", applied)):
        what = f"The newest revision that is {word}."
        samples = zip(places, revisions, strict=True)
        yield from _family(f"{word}_revision", "gauge", what, samples)


def _happened(metrics: Metrics) -> Iterator[str]:
    outcomes = sorted({APPLIED, *metrics.applies})
    applies = [({"outcome": each}, metrics.applies[each]) for each in outcomes]
    what = "Applies since the start, by what they came to."
    yield from _family("applies_total", "counter", what, applies)
    refused = [({"reason": each}, n) for each, n in sorted(metrics.refused.items())]
    what = "Documents that may not be acted on."
    yield from _family("refused_documents_total", "counter", what, refused)


def _histogram(metrics: Metrics) -> Iterator[str]:
    name, total = "apply_seconds", 0
    yield from _family(name, "histogram", "How long an apply takes.", ())
    bounds = (*map(str, BOUNDS_SECONDS), "+Inf")
    for bound, count in zip(bounds, metrics.seconds, strict=True):
        total += count
        yield _line(f"{name}_bucket", {"le": bound}, total)
    yield _line(f"{name}_sum", NO_LABELS, metrics.seconds_in_all)
    yield _line(f"{name}_count", NO_LABELS, total)


def _family(
    name: str, kind: str, what: str, samples: Iterable[Sample]
) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {what}"
    yield f"# TYPE {PREFIX}{name} {kind}"
    for labels, value in samples:
        yield _line(name, labels, value)


def _line(name: str, labels: Labels, value: float) -> str:
    named = ",".join(
        f'{label}="{said.translate(_ESCAPED)}"' for label, said in labels.items()
    )
    braced = f"{{{named}}}" if named else ""
    return f"{PREFIX}{name}{braced} {float(value)!r}"
