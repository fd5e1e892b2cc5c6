"""How does the answer to "why not yet, and what would change that?" look?"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rollbook_services.cli.gates import gate_lines
from rollbook_services.cli.output import Output, Row

NOT_REQUESTED: Final = "NOT_REQUESTED"
WAITING: Final = frozenset({NOT_REQUESTED, "GATING", "READY"})
_INDENT: Final = " " * 13
_WIDTH: Final = 15


def explanation(told: Row, output: Output) -> Iterator[str]:
    """Write what the registrar explains: each gate, what changes it, who could."""
    yield heading(told, output)
    yield f"  {output.prose(told.get('answer'))}"
    gates = list(told.get("gates") or ())
    if gates:
        yield ""
    for line, gate in zip(gate_lines(gates, output), gates, strict=True):
        yield line
        yield from _beneath(gate, output, is_asked=told.get("promotion") is not None)
    facts = list(_facts(told, output))
    if facts:
        yield ""
    yield from (f"  {name:<11} {fact}" for name, fact in facts)


def heading(told: Row, output: Output) -> str:
    """Write what is explained, in a line."""
    version = f"{told.get('model')}@{told.get('version')}"
    lane = told.get("lane") or {}
    runs = lane.get("incumbent")
    now = "nothing" if runs is None else f"{told.get('model')}@{runs}"
    line = f"{version} for {told.get('stage')}, which runs {now}"
    if told.get("promotion") is None:
        return f"{line}   nobody has asked for it"
    named = f"{told.get('model')}:{told.get('promotion')}"
    state = str(told.get("state", "")).lower()
    return f"{line}   {named} is {state}, asked by {output.text(told.get('requester'))}"


def verdict(told: Row) -> int:
    """Return the exit code of a check: 0 all open, 5 a gate fails, 8 it waits."""
    closed = [gate for gate in told.get("gates") or () if gate.get("blocks")]
    if any(gate.get("status") == "fail" for gate in closed):
        return 5
    return 8 if closed else 0


def _beneath(gate: Row, output: Output, *, is_asked: bool) -> Iterator[str]:
    if gate.get("values"):
        yield _detail("values", output.text(gate["values"]))
    if gate.get("waiver"):
        yield _detail("waiver", str(gate["waiver"]))
    if gate.get("inputs") and output.form == "wide":
        yield _detail("from", output.text(gate["inputs"]))
    for change in gate.get("changes_when") or ():
        yield from _change(change, output, is_asked=is_asked)


def _change(
    change: Mapping[str, Any], output: Output, *, is_asked: bool
) -> Iterator[str]:
    by, at = str(change.get("by")), change.get("at")
    told = output.prose(change.get("what"))
    yield _detail(by, f"{told}, {output.time(at)}" if at else told)
    if change.get("who"):
        yield _detail("who", output.text(change["who"]))
    elif by == "person":
        yield _detail("who", "nobody who may holds that role now")
    for barred in change.get("barred") or ():
        yield _detail("not", f"{output.text(barred.get('who'))}: {barred.get('why')}")
    # Nobody can vote on what nobody has asked for.
    if change.get("command") and (is_asked or by != "person"):
        yield _detail("type", str(change["command"]))


def _detail(name: str, told: str) -> str:
    return f"{_INDENT}{name:<{_WIDTH}} {told}"


def _facts(told: Row, output: Output) -> Iterator[tuple[str, str]]:
    opens = _window(told)
    if opens:
        yield "next window", output.time(opens)
    if told.get("not_before"):
        at = output.time(told["not_before"])
        yield "earliest", f"{at}; people and facts may take longer"
    if told.get("expires_at"):
        yield "expires", output.time(told["expires_at"])
    yield from _underway(told, output)
    for glass in told.get("break_glass") or ():
        yield from _glass(told, glass)
    if told.get("policy"):
        yield "policy", f"{told['policy']}   {told.get('policy_digest') or ''}".rstrip()


def _window(told: Row) -> object:
    return next(
        (
            change["at"]
            for gate in told.get("gates") or ()
            if gate.get("kind") == "windows" and gate.get("blocks")
            for change in gate.get("changes_when") or ()
            if change.get("at")
        ),
        None,
    )


def _underway(told: Row, output: Output) -> Iterator[tuple[str, str]]:
    now = told.get("underway") or {}
    if now.get("bake_until"):
        yield "bakes until", output.time(now["bake_until"])
    if now.get("paused"):
        resume = f"rollbook resume {told.get('model')}:{told.get('promotion')} -m …"
        yield "paused by", f"{now['paused']}; {resume}"
    if now.get("end_by"):
        yield "must end by", output.time(now["end_by"])


def _glass(told: Row, glass: Row) -> Iterator[tuple[str, str]]:
    """Offer a class of waivers where it reaches what is closed."""
    shut = {gate["id"] for gate in told.get("gates") or () if gate.get("blocks")}
    reached = [gate for gate in glass.get("gates") or () if gate in shut]
    if not reached or told.get("promotion") is None:
        return
    who = " or ".join(glass.get("roles") or ())
    second = ", with a second person" if glass.get("second_person") else ""
    yield f"waiver {glass['name']}", f"reaches {', '.join(reached)}; by {who}{second}"
    named = f"{told.get('model')}:{told.get('promotion')}"
    gates = " ".join(f"--gate {gate}" for gate in reached)
    incident = " --incident ID" if glass.get("incident_required") else ""
    command = f"rollbook waive {named} {gates} --class {glass['name']}{incident} -m …"
    yield "", command
