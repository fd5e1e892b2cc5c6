"""Do a stage's windows ever open, and how long do they stay closed?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.gates.approvals import Approvals
from rollbook_services.policy.lint.places import fault, gates, stages
from rollbook_services.policy.shape import write_duration
from rollbook_services.policy.window import Span, Window, is_open, next_edge

LOOKED_AHEAD: Final = timedelta(days=400)  # what recurs in a year comes at least once
MOST_WINDOWS: Final = 60
MOST_SPANS: Final = 20_000  # looked at; an hour every day makes 400 of them
OpenTimes = Mapping[str, Sequence[Span] | None]
"""By the path of a stage with windows; None: they are too many to be looked at."""


def open_times(policy: Policy, *, as_of: datetime) -> OpenTimes:
    """Work out when each stage is open, from an instant on."""
    windows = [each for stage in policy.stages for each in stage.windows]
    spans: dict[Window, list[Span]] | None = {}
    if len(windows) > MOST_WINDOWS:
        spans = None
    for each in dict.fromkeys(windows):
        if spans is None or sum(map(len, spans.values())) > MOST_SPANS:
            spans = None
            break
        spans[each] = _spans(each, as_of)
    return {
        path: None if spans is None else _openings(stage.windows, spans, as_of)
        for path, stage in stages(policy)
        if stage.windows
    }


def faults(policy: Policy, times: OpenTimes) -> Iterator[Fault]:
    """Find stages that nothing could ever enter."""
    if None in times.values():
        message = (
            f"there are more than {MOST_WINDOWS} windows, or they open and shut more "
            f"than {MOST_SPANS} times within {LOOKED_AHEAD.days} days"
        )
        yield fault("spec.stages", message, "write fewer of them, or fewer starts")
        return
    for path, stage in stages(policy):
        if times.get(path) == []:
            yield _never_opens(path, {window.kind for window in stage.windows})


def warnings(policy: Policy, times: OpenTimes) -> Iterator[Fault]:
    """Find votes that may lapse while people wait for a window."""
    for path, stage in stages(policy):
        longest = _longest_closed(times.get(path) or ())
        for at, approvals in gates(path, stage, Approvals):
            if approvals.valid_for is not None and approvals.valid_for < longest:
                written = write_duration(longest)
                message = f"votes lapse while the windows stay closed for {written}"
                yield fault(f"{at}.valid_for", message, f"write {written} or more")


def _never_opens(path: str, kinds: set[str]) -> Fault:
    message = "the deny windows leave no time open"
    remedy = "correct `start`, `lasts` and `rrule`"
    if "allow" in kinds:
        message = f"no window opens within {LOOKED_AHEAD.days} days"
    if kinds == {"allow", "deny"}:
        remedy += ", and see that no deny window covers the rest"
    return fault(f"{path}.windows", message, remedy)


def _longest_closed(opened: Sequence[Span]) -> timedelta:
    between = (after.begins_at - before.ends_at for before, after in pairwise(opened))
    return max(between, default=timedelta(0))


def _openings(
    windows: Sequence[Window], spans: Mapping[Window, list[Span]], as_of: datetime
) -> list[Span]:
    """Deny beats allow; without an allow window all the rest is open."""
    of = {"allow": [Span(as_of, as_of + LOOKED_AHEAD)], "deny": []}
    for kind in of:
        found = [each for each in windows if each.kind == kind]
        if found:
            of[kind] = _joined(span for each in found for span in spans[each])
    return list(_without(of["allow"], of["deny"]))


def _spans(window: Window, as_of: datetime) -> list[Span]:
    """Return the stretches in which a window is open, the first and last cut."""
    end, found = as_of + LOOKED_AHEAD, []
    at: datetime | None = as_of if is_open(window, as_of) else next_edge(window, as_of)
    while at is not None and at < end:
        shuts_at = next_edge(window, at) or end
        found.append(Span(at, min(shuts_at, end)))
        at = next_edge(window, shuts_at)
    return found


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for each in sorted(spans):
        if joined and each.begins_at <= joined[-1].ends_at:
            longest = max(joined[-1].ends_at, each.ends_at)
            joined[-1] = Span(joined[-1].begins_at, longest)
        else:
            joined.append(each)
    return joined


def _without(spans: Sequence[Span], denied: Sequence[Span]) -> Iterator[Span]:
    """Cut stretches out of stretches; both are in order and apart."""
    at = 0
    for begins_at, ends_at in spans:
        while at < len(denied) and denied[at].ends_at <= begins_at:
            at += 1
        left, next_ = begins_at, at
        while next_ < len(denied) and denied[next_].begins_at < ends_at:
            if left < denied[next_].begins_at:
                yield Span(left, denied[next_].begins_at)
            left = denied[next_].ends_at
            next_ += 1
        if left < ends_at:
            yield Span(left, ends_at)
