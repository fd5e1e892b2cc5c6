"""There are people who can do what a policy asks of people."""

from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollbook.names import Principal, RoleName
from rollbook_services.policy.lint.known import Known
from tests.services.policy.cases import ALICE, BOB, CAROL, DAVE, PIPELINE
from tests.services.policy.written import (
    canary,
    errors,
    glass,
    sign_off,
    stage,
    warnings,
)

OWNER, OFFICER = RoleName("model-owner"), RoleName("risk-officer")
PUBLISHER, MANAGER = RoleName("publisher"), RoleName("release-manager")
ROLES = (OWNER, OFFICER, PUBLISHER, MANAGER)


def holding(**people: set[RoleName]) -> Known:
    principals = {"alice": ALICE, "bob": BOB, "carol": CAROL, "dave": DAVE}
    principals["pipeline"] = PIPELINE
    return Known(
        holders={principals[who]: frozenset(has) for who, has in people.items()}
    )


def asking(*slots: tuple[RoleName, int], **said: Any) -> dict[str, Any]:
    return sign_off(slots=[{"role": role, "count": n} for role, n in slots], **said)


def test_a_role_is_held_by_as_many_as_are_asked() -> None:
    known = holding(alice={OFFICER}, bob={OWNER}, pipeline={OFFICER})
    assert errors(stage(gates=[asking((OFFICER, 1))]), known=known) == []
    assert errors(stage(gates=[asking((OWNER, 1), (OFFICER, 3))]), known=known) == [
        "spec.stages[0].gates[0].slots[1].count: 3 with the role `risk-officer` have "
        "to approve, and of those who may hold it 1; "
        "let 2 more hold it, or ask for fewer"
    ]
    assert errors(stage(gates=[asking((MANAGER, 1))]), known=known) == [
        "spec.stages[0].gates[0].slots[0].count: 1 with the role `release-manager` "
        "have to approve, and of those who may hold it nobody; "
        "let 1 more hold it, or ask for fewer"
    ]


def test_one_person_fills_one_slot() -> None:
    both = holding(alice={OWNER, OFFICER})
    gate = asking((OWNER, 1), (OFFICER, 1))
    assert errors(stage(gates=[gate]), known=both) == [
        "spec.stages[0].gates[0].slots: 2 different people have to approve, and those "
        "who may can fill 1 of the slots; let more people hold the roles, or ask for "
        "fewer"
    ]
    known = holding(alice={OWNER, OFFICER}, bob={OWNER})
    assert errors(stage(gates=[gate]), known=known) == []


def test_one_person_counts_at_one_gate() -> None:
    gates = [asking((OWNER, 1), id="first"), asking((OFFICER, 1), id="second")]
    both = holding(alice={OWNER, OFFICER})
    assert errors(stage(gates=gates), known=both) == [
        "spec.stages[0].gates: 2 different people have to approve, and those who may "
        "can fill 1 of the slots; let more people hold the roles, or ask for fewer"
    ]
    sometimes = {**gates[1], "when": "champion.exists"}
    assert errors(stage(gates=[gates[0], sometimes]), known=both) == []


def test_two_names_of_one_person_are_one_person() -> None:
    known = Known(
        holders={ALICE: frozenset({OWNER}), BOB: frozenset({OWNER})},
        persons={BOB: ALICE},
    )
    (fault,) = errors(stage(gates=[asking((OWNER, 2))]), known=known)
    assert "of those who may hold it 1" in fault


def test_who_made_the_version_does_not_approve_it() -> None:
    gate = asking((OWNER, 2))
    known = holding(alice={OWNER, PUBLISHER}, bob={OWNER, PUBLISHER})
    (fault,) = errors(stage(gates=[gate]), known=known)
    assert fault.startswith("spec.stages[0].gates[0].slots[0].count: 2 with")
    nobody_apart: dict[str, Any] = {
        "separation_of_duties": {"producer": False, "requester": False}
    }
    assert errors(stage(gates=[gate], **nobody_apart), known=known) == []
    by_pipeline = holding(alice={OWNER, PUBLISHER}, bob={OWNER}, pipeline={PUBLISHER})
    assert errors(stage(gates=[gate]), known=by_pipeline) == []
    by_another = holding(alice={OWNER}, bob={OWNER}, carol={PUBLISHER})
    assert errors(stage(gates=[gate]), known=by_another) == []


def test_who_asked_does_not_approve_but_automation_asks_too() -> None:
    gate = asking((OWNER, 2))
    apart: dict[str, Any] = {
        "separation_of_duties": {"producer": False, "requester": True}
    }
    known = holding(alice={OWNER, MANAGER}, bob={OWNER, MANAGER})
    (fault,) = errors(stage(gates=[gate], **apart), known=known)
    assert "of those who may hold it 1" in fault
    automatic = {**apart, "auto_promote": "newest_eligible"}
    assert errors(stage(gates=[gate], **automatic), known=known) == []


def test_a_gate_that_holds_nobody_up_asks_nobody() -> None:
    known = holding(alice={OFFICER})
    gate = asking((OWNER, 1), mode="warn")
    assert errors(stage(gates=[gate]), known=known) == []


def test_whom_nobody_knows_nobody_counts() -> None:
    assert errors(stage(gates=[asking((OWNER, 20))])) == []
    found = warnings(stage(gates=[asking((OWNER, 20))], break_glass=[glass()]))
    assert found == []


def test_a_role_that_nobody_holds_is_pointed_out() -> None:
    known = holding(alice={OWNER})
    way_out = glass(roles=["incident-commander"], escalation_role="head-of-risk")
    found = warnings(
        stage(gates=[asking((OWNER, 1))], break_glass=[way_out]),
        known=known,
        freeze_by=["model-owner", "risk-officer"],
    )
    assert [each.split("; ")[0] for each in found] == [
        "spec.change_control.role: nobody is known to hold `policy-owner`",
        "spec.freeze_by[1]: nobody is known to hold `risk-officer`",
        "spec.stages[0].break_glass[0].roles[0]: "
        "nobody is known to hold `incident-commander`",
        "spec.stages[0].break_glass[0].escalation_role: "
        "nobody is known to hold `head-of-risk`",
    ]


def test_a_pause_that_nobody_can_end_is_pointed_out() -> None:
    pauses: list[dict[str, Any]] = [{"pause": OWNER}, {"pause": OFFICER}]
    found = warnings(
        stage(
            targets=["eu"],
            strategy=canary({"weight": 5}, *pauses, {"weight": 100}),
            gates=[asking((OWNER, 1))],
        ),
        known=holding(alice={OWNER}),
        change_control={"endorsements": 0},
    )
    assert found == [
        "spec.stages[0].strategy.canary.steps[2].pause: nobody is known to hold "
        "`risk-officer`; let somebody hold it, or name another role"
    ]


def test_a_change_that_nobody_endorses_needs_no_role() -> None:
    found = warnings(
        stage(gates=[asking((OWNER, 1))]),
        known=holding(alice={OWNER}),
        change_control={"endorsements": 0},
    )
    assert found == []


def test_a_second_person_could_confirm() -> None:
    way_out = glass(roles=["model-owner", "risk-officer"])
    said = stage(gates=[asking((OWNER, 1))], break_glass=[way_out])
    control = {"endorsements": 0}
    alone = holding(alice={OWNER, OFFICER})
    assert warnings(said, known=alone, change_control=control) == [
        "spec.stages[0].break_glass[0].roles: one person alone holds the roles, and a "
        "second has to confirm; let another person hold one of them"
    ]
    two = holding(alice={OWNER}, bob={OFFICER})
    assert warnings(said, known=two, change_control=control) == []


people = st.dictionaries(
    st.sampled_from([ALICE, BOB, CAROL, DAVE]),
    st.frozensets(st.sampled_from(ROLES)),
    min_size=1,
)
slots = st.lists(st.sampled_from(ROLES), min_size=1, max_size=4)


@given(people, slots, st.booleans(), st.booleans())
def test_approvals_are_refused_only_if_nobody_could_ever_give_them(
    people: dict[Principal, frozenset[RoleName]],
    slots: list[RoleName],
    producer: bool,
    requester: bool,
) -> None:
    apart = {"producer": producer, "requester": requester}
    gates = [asking(*((role, 1) for role in slots))]
    found = errors(
        stage(gates=gates, separation_of_duties=apart), known=Known(holders=people)
    )
    makers = [who for who, has in people.items() if PUBLISHER in has] or [PIPELINE]
    asking_people = [
        who for who, has in people.items() if has & {PUBLISHER, MANAGER}
    ] or [PIPELINE]
    possible = any(
        all(role in people[who] for role, who in zip(slots, voters, strict=True))
        for maker in makers
        for asks in asking_people
        for voters in permutations(people, len(slots))
        if not (producer and maker in voters) and not (requester and asks in voters)
    )
    assert (found == []) == possible
