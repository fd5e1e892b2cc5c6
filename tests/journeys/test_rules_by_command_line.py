"""Can the rules be made, waited for, suspended and proved on the command line?

Against `rollbook up` and two agents, as real processes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.journeys.shell import Ended, Rollbook, register, running, shell

HEAD: Final = """\
apiVersion: rollbook/v1
kind: ReleasePolicy
metadata: {name: NAME-rules}
spec:
  applies_to: {models: [NAME]}
  stages:
"""
STAGING: Final = """\
    - name: staging
      targets: [default]
"""
PRODUCTION: Final = """\
    - name: production
      targets: [default]
      protected: true
      after: {stages: [staging]}
      gates:
        - {id: soak, kind: soak, in: staging, for: 24h}
        - id: sign-off
          kind: approvals
          slots: [{role: model-owner}, {role: risk-officer}]
      break_glass:
        - name: sev1
          waives: [soak, freeze]
          roles: [incident-commander]
          valid_for: 4h
          review_within: 24h
"""
BAKES: Final = """\
      strategy:
        all_at_once:
          bake: 1h
          analysis: [{metric: error_rate, expr: "value < 0.01", on_missing: pause}]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run everything once for this file."""
    with running(tmp_path_factory.mktemp("journey")) as found:
        yield found


@pytest.fixture
def rollbook(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Rollbook:
    """Type command lines in an empty directory."""
    return shell(data, tmp_path, monkeypatch=monkeypatch, capsys=capsys)


def rules(name: str, *stages: str) -> str:
    file = Path(f"{name}.yaml")
    file.write_text((HEAD + "".join(stages)).replace("NAME", name))
    return str(file)


def put_in_force(rollbook: Rollbook, name: str, *stages: str) -> None:
    file, policy = rules(name, *stages), f"{name}-rules"
    made = rollbook("policy", "propose", file, "-m", "rules", "-o", "name", as_="carol")
    assert made.code == 0, made.err
    digest = made.out.strip().partition("@")[2]
    agreed = rollbook("policy", "endorse", policy, digest, as_="dave")
    assert agreed.code == 0, agreed.err
    done = rollbook("policy", "activate", policy, digest, as_="dave")
    assert done.code == 0, done.err


def asked_for(rollbook: Rollbook, model: str) -> str:
    """Ask for version 1 in production, after staging, under a soak of a day."""
    put_in_force(rollbook, model, STAGING, PRODUCTION)
    assert register(rollbook, model).code == 0
    line = ["promote", f"{model}@1", "-m", "weekly", "--to"]
    staged = rollbook(*line, "staging", "--wait", as_="alice")
    assert staged.code == 0, staged.err
    asked = rollbook(*line, "production", "--yes", as_="alice")
    assert asked.code == 0, asked.err
    return f"{model}:2"


def first_of(ended: Ended) -> str:
    assert ended.code == 0, ended.err
    return ended.out.split()[0]


def test_rules_hold_once_somebody_else_agrees(rollbook: Rollbook) -> None:
    put_in_force(rollbook, "earlier", STAGING)  # the very first need nobody else
    file = rules("governed", STAGING, PRODUCTION)
    assert rollbook("policy", "lint", file).code == 0
    assert rollbook("policy", "lint", file, "--server", as_="carol").code == 0
    line = ["policy", "propose", file, "-m", "first", "--trial"]
    assert rollbook(*line, "--dry-run", as_="carol").code == 0
    proposed = rollbook(*line, "-o", "name", as_="carol")
    name, _, digest = proposed.out.strip().partition("@")
    assert name == "governed-rules", proposed.err
    again = rollbook(*line, as_="carol")
    assert (again.code, "[already-exists]" in again.err) == (6, True)
    own = rollbook("policy", "endorse", name, digest, as_="carol")
    assert (own.code, "[separation-of-duties]" in own.err) == (4, True)
    early = rollbook("policy", "activate", name, digest, as_="carol")
    assert (early.code, "endorse" in early.err) == (6, True)
    assert rollbook("policy", "endorse", name, digest[:20], as_="dave").code == 0
    assert rollbook("policy", "activate", name, digest[:20], as_="carol").code == 0
    assert digest in rollbook("policy", "list").out


def test_rules_are_shown_compared_and_retired(rollbook: Rollbook) -> None:
    name, file = "compared-rules", rules("compared", STAGING, PRODUCTION)
    put_in_force(rollbook, "compared", STAGING, PRODUCTION)
    Path("shown.yaml").write_text(rollbook("policy", "show", name).out)
    same = rollbook("policy", "diff", "shown.yaml", name)
    assert (same.code, same.out) == (0, ""), same.err
    Path(file).write_text(Path(file).read_text().replace("24h", "48h"))
    assert "+          for: 48h" in rollbook("policy", "diff", file).out
    longer = rollbook("policy", "propose", file, "-m", "longer", as_="carol")
    assert longer.code == 0, longer.err
    assert f"rollbook policy endorse {name}" in rollbook("inbox", as_="dave").out
    assert "+          for: 48h" in rollbook("policy", "diff", name).out
    said = rollbook("policy", "explain", name).out
    assert "soak: it was stable in staging for 1d" in said
    asked = rollbook("policy", "retire", name, "-m", "over", as_="carol")
    assert (asked.code, "others have to agree" in asked.err) == (0, True)
    assert "retired" in rollbook("policy", "retire", name, "-m", "so", as_="dave").out
    assert rollbook("policy", "show", name).code == 3


def test_rules_that_cannot_hold_are_refused_on_their_lines(rollbook: Rollbook) -> None:
    file = rules("wrong", STAGING.replace("targets", "tragets"))
    assert rollbook("policy", "lint", file).code == 2
    refused = rollbook("policy", "propose", file, "-m", "x", as_="carol")
    assert refused.code == 2
    assert "wrong.yaml: spec.stages[0].tragets, line 8" in refused.err


def test_a_protected_stage_takes_yes_and_a_dry_run_records_nothing(
    rollbook: Rollbook,
) -> None:
    put_in_force(rollbook, "guarded", STAGING, PRODUCTION)
    assert register(rollbook, "guarded").code == 0
    line = ["promote", "guarded@1", "--to", "production", "-m", "weekly"]
    rehearsed = rollbook(*line, "--dry-run", as_="alice")
    assert rehearsed.code == 0, rehearsed.err
    assert "would record: promotion.requested" in rehearsed.out
    assert "has not succeeded in staging" in rehearsed.out
    assert rollbook("promotions", "guarded", "-o", "name").out == ""
    unsaid = rollbook(*line, as_="alice")
    assert (unsaid.code, "protected" in unsaid.err) == (2, True)
    assert rollbook("check", "guarded@1", "--to", "staging").code == 0
    assert rollbook("check", "guarded@1", "--to", "production").code == 8
    assert rollbook("check", "guarded@1", "--to", "nowhere").code == 3
    assert rollbook(*line, "--yes", "-o", "name", as_="alice").out == "guarded:1\n"


def test_the_glass_is_broken_by_two_and_looked_at_by_a_third(
    rollbook: Rollbook,
) -> None:
    promotion = asked_for(rollbook, "broken")
    why = rollbook("why", promotion, as_="carol")
    assert "waiver sev1 reaches soak" in why.out
    line = ["waive", promotion, "--gate", "soak", "--class", "sev1", "-m", "outage"]
    assert rollbook(*line, as_="carol").code == 2, "an incident has to be named"
    waiver = first_of(rollbook(*line, "--incident", "I-1", "-o", "name", as_="carol"))
    assert f"confirm-waiver {promotion} {waiver}" in rollbook("inbox", as_="dave").out
    own = rollbook("confirm-waiver", promotion, waiver, as_="carol")
    assert (own.code, "[separation-of-duties]" in own.err) == (4, True)
    waived = rollbook("confirm-waiver", promotion, waiver, as_="dave")
    assert "WAIVED soak, not passed" in waived.out, waived.err
    told = rollbook("why", promotion).out
    assert "WAIVED" in told
    assert "rollbook approve" in told
    first = rollbook("approve", promotion, "-m", "ok", as_="dave")
    assert first.code == 4, "who put rules in force approves not the first under them"
    asking = rollbook("request-changes", promotion, "-m", "a card", as_="bob")
    assert asking.code == 0, asking.err
    assert rollbook("approve", promotion, "-m", "ok", as_="bob").code == 0
    last = rollbook("approve", promotion, "-m", "ok", as_="carol")
    assert "every gate is open, dispatch follows" in last.out, last.err
    assert rollbook("waivers", "broken", "-o", "name").out.strip() == waiver
    review = first_of(rollbook("review", "list", "broken", "-o", "name"))
    closing = ["review", "close", "broken", review, "--finding", "justified", "-m", "x"]
    assert rollbook(*closing, as_="dave").code == 4
    assert rollbook(*closing).code == 0
    assert rollbook("review", "list", "broken", "-o", "name").out == ""


def test_a_past_moment_is_explained_as_it_was(rollbook: Rollbook) -> None:
    promotion = asked_for(rollbook, "judged")
    before = rollbook("why", promotion, "--json").json()["seq"]
    voted = rollbook("approve", promotion, "-m", "ok", as_="bob")
    assert voted.code == 0, voted.err
    then = rollbook("why", promotion, "--as-of", str(before)).out
    assert "0 of 2 slots filled" in then
    assert "1 of 2 slots filled" in rollbook("why", promotion).out
    assert rollbook("cancel", promotion, "-m", "enough", as_="alice").code == 0
    ended = rollbook("why", promotion).out
    assert "It ended CANCELLED" in ended
    assert "1 of 2 slots filled" in ended, "as it was recorded"
    assert rollbook("approve", promotion, "-m", "late", as_="carol").code == 6


def test_a_freeze_stops_what_it_covers_until_it_is_lifted(rollbook: Rollbook) -> None:
    assert register(rollbook, "frozen").code == 0
    declared = rollbook(
        *("freeze", "declare", "--model", "frozen", "-m", "year end", "-o", "name"),
        as_="dave",
    )
    freeze = first_of(declared)
    assert rollbook("promote", "frozen@1", "--to", "development").code == 0
    why = rollbook("why", "frozen:1").out
    assert "frozen by dave: year end" in why
    assert f"rollbook freeze lift {freeze}" in why
    assert freeze in rollbook("freeze", "list", "--model", "frozen").out
    assert rollbook("freeze", "lift", freeze, "-m", "x", as_="bob").code == 4
    assert rollbook("freeze", "lift", freeze, "-m", "over", as_="dave").code == 0
    assert rollbook("freeze", "list", "--model", "frozen", "-o", "name").out == ""
    assert rollbook("promote", "frozen@1", "--to", "development").code == 6


def test_what_is_under_way_is_measured_paused_and_stopped(rollbook: Rollbook) -> None:
    put_in_force(rollbook, "baked", STAGING + BAKES)
    assert register(rollbook, "baked").code == 0
    line = ["promote", "baked@1", "--to", "staging", "--wait=dispatched"]
    assert rollbook(*line, as_="alice").code == 0
    verifying = ["events", "tail", "--model", "baked", "--type", "promotion.verifying"]
    begun = rollbook(*verifying, "--since", "0", "--count", "1", "--json").json()
    since = begun["time"]
    until = since[:-4] + f"{min(int(since[-4:-1]) + 1, 999):03}Z"
    measuring = ["analysis", "record", "baked:1", "--samples", "500", "--from", since]
    measuring += ["--until", until, "--metric", "error_rate=0.002"]
    measured = rollbook(*measuring, as_="alice")
    assert measured.code == 0, measured.err
    assert "pass     error_rate" in measured.err
    soon = rollbook(*measuring, as_="alice")
    assert (soon.code, "[rate-limited]" in soon.err) == (69, True)
    assert rollbook("pause", "baked:1", "-m", "let me look", as_="dave").code == 0
    assert "paused by" in rollbook("why", "baked:1").out
    resumed = rollbook(
        *("resume", "baked:1", "--accept", "error_rate", "-m", "fine"), as_="dave"
    )
    assert "error_rate accepted" in resumed.out, resumed.err
    stopping = ["freeze", "stop-the-line", "--model", "baked", "-m", "bad data"]
    freeze = first_of(rollbook(*stopping, "-o", "name", as_="carol"))
    assert rollbook("freeze", "lift", freeze, "-m", "no", as_="dave").code == 0
    assert rollbook("abort", "baked:1", "-m", "after all", as_="dave").code == 0


def test_several_models_go_together_and_back_together(rollbook: Rollbook) -> None:
    for name in ("left", "right"):
        assert register(rollbook, name).code == 0
        line = ["promote", f"{name}@1", "--to", "staging", "--wait"]
        assert rollbook(*line).code == 0
        assert register(rollbook, name, "2").code == 0
    both = ["bundle", "request", "left@2", "right@2", "--to", "staging", "-m", "both"]
    assert rollbook(*both, "--dry-run", as_="alice").code == 0
    moved = rollbook(*both, "--expect", "left=none", as_="alice")
    assert (moved.code, "[incumbent-moved]" in moved.err) == (6, True)
    asked = rollbook(*both, "--wait", as_="alice")
    assert asked.code == 0, asked.err
    number = asked.out.split()[1]
    undone = rollbook("bundle", "rollback", number, "-m", "x", "--wait", as_="dave")
    assert undone.code == 0, undone.err
    assert "rolled_back" in rollbook("bundle", "list").out
    assert rollbook("bundle", "cancel", number, "-m", "x", as_="dave").code == 6
    for name in ("left", "right"):
        shown = rollbook("version", "show", f"{name}#staging", "-o", "name").out
        assert shown == f"{name}@1\n"


def test_the_past_is_tried_and_every_decision_follows(rollbook: Rollbook) -> None:
    assert register(rollbook, "tried").code == 0
    assert rollbook("promote", "tried@1", "--to", "staging", "--wait").code == 0
    file = rules("tried", STAGING)
    same = rollbook("policy", "trial", file, "--against-history")
    assert same.code == 0, same.err
    assert "1 same" in same.out
    strict = rules("tried", STAGING + "      after: {stages: [lab]}\n    - name: lab\n")
    exported = rollbook("events", "export", "--file", "all.jsonl")
    assert exported.code == 0, exported.err
    line = ["policy", "trial", strict, "--against-history", "--events", "all.jsonl"]
    turned = rollbook(*line)
    assert turned.code == 1, turned.err
    assert "would have been blocked" in turned.out
    for source in ([], ["--events", "all.jsonl"]):
        recomputed = rollbook("events", "recompute", *source)
        assert recomputed.code == 0, recomputed.out + recomputed.err


def test_accounts_of_one_person_are_linked(rollbook: Rollbook) -> None:
    for name in ("zoe", "zoe-at-night"):
        line = ["token", "create", name, "--role", "viewer", "--file", f"{name}.token"]
        assert rollbook(*line).code == 0
    linked = rollbook("person", "link", "zoe", "zoe-at-night", "-m", "hers")
    assert linked.code == 0, linked.err
    rows = rollbook("person", "list", "--json=name,accounts").json()
    [zoe] = [row for row in rows if row["name"] == "zoe"]
    assert len(zoe["accounts"]) == 2
    assert rollbook("person", "link", "zoe", "nobody", "-m", "x").code == 2


def test_a_slip_in_a_role_makes_no_token(rollbook: Rollbook) -> None:
    slipped = rollbook("token", "create", "yan", "--role", "viewr")
    assert (slipped.code, "viewer" in slipped.err) == (2, True)
    names = rollbook("person", "list", "--json=name").json()
    assert "yan" not in [row["name"] for row in names]
