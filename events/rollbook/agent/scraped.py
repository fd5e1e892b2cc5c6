"""How do an agent's numbers look to Prometheus?"""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from rollbook.agent.metrics import APPLIED, BOUNDS_SECONDS, Metrics
from rollbook.agent.standing import Now

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def text(metrics: Metrics, now: Now) -> bytes:
    """Write the text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(_Families((*_standing(now), *_happened(metrics))))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _standing(now: Now) -> Iterator[Family]:
    yield GaugeMetricFamily(
        "rollbook_agent_connected",
        "Whether NATS is there.",
        value=float(now.is_connected),
    )
    if now.lease_age_seconds is not None:
        yield GaugeMetricFamily(
            "rollbook_agent_lease_age_seconds",
            "How long ago the lease was granted.",
            value=now.lease_age_seconds,
        )
    yield GaugeMetricFamily(
        "rollbook_agent_reports_queued",
        "Reports that nobody has answered yet.",
        value=now.reports_queued,
    )
    desired, applied = (
        GaugeMetricFamily(
            f"rollbook_agent_{what}_revision",
            f"The newest revision that is {what}.",
            labels=("model", "lane"),
        )
        for what in ("desired", "applied")
    )
    for each in now.models:
        desired.add_metric((each.model, each.lane), each.desired_revision)
        applied.add_metric((each.model, each.lane), each.applied_revision)
    yield desired
    yield applied


def _happened(metrics: Metrics) -> Iterator[Family]:
    applies = CounterMetricFamily(
        "rollbook_agent_applies",
        "Applies since the start, by what they came to.",
        labels=("outcome",),
    )
    for outcome in sorted({APPLIED, *metrics.applies}):
        applies.add_metric((outcome,), metrics.applies[outcome])
    yield applies
    refused = CounterMetricFamily(
        "rollbook_agent_refused_documents",
        "Documents that may not be acted on.",
        labels=("reason",),
    )
    for reason in sorted(metrics.refused):
        refused.add_metric((reason,), metrics.refused[reason])
    yield refused
    yield _histogram(metrics)


def _histogram(metrics: Metrics) -> Family:
    buckets, total = [], 0
    for bound, count in zip((*BOUNDS_SECONDS, None), metrics.seconds, strict=True):
        total += count
        buckets.append(("+Inf" if bound is None else f"{float(bound)}", total))
    return HistogramMetricFamily(
        "rollbook_agent_apply_seconds",
        "How long an apply takes.",
        buckets=buckets,
        sum_value=metrics.seconds_in_all,
    )
