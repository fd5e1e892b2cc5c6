"""What waits for one person: votes, second persons, reviews, endorsements?"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists

from rollbook_projections.stage.queries.access import accounts
from rollbook_projections.stage.queries.endorsing import proposals, retirements
from rollbook_projections.stage.queries.policy import section
from rollbook_projections.stage.queries.promotion import Key, gates_of, summary
from rollbook_projections.stage.queries.vote import is_cast, votes_of
from rollbook_projections.stage.queries.waiver import is_past, requested, reviews
from rollbook_projections.stage.tables.promotion import GATES, PAUSES, PROMOTIONS
from rollbook_projections.stage.tables.version import VERSIONS
from rollbook_projections.view import Row, View, is_one_of

WAITING: Final = ("GATING", "READY")
# Who may close a review, besides the role that its waiver's class names.
MAY_REVIEW: Final = frozenset(
    {"release-manager", "incident-commander", "policy-owner", "auditor"}
)
_DUTIES: Final = {"requester": True, "producer": True, "authors": False}
_NOBODY: Final[dict[str, Any]] = {"producer": None, "authors": []}


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose inbox it is: every account of the person, and the roles of this one."""

    accounts: frozenset[str]
    roles: frozenset[str]
    is_person: bool
    now: datetime | None


def inbox(
    view: View,
    principal: str,
    roles: Collection[str],
    *,
    now: datetime | None = None,
    limit: int = 200,
) -> list[Row]:
    """List what waits: kind approval, pause, waiver, review or policy; oldest first.

    Of promotions all that wait for votes: `barred` says why this person cannot cast
    one (requester, producer, author, activator, voted or role; null where the vote is
    awaited). Of the others only what this person may do. What has run out or is
    overdue at the instant `now` is known only with one.
    """
    reader = Reader(
        accounts=accounts(view, principal),
        roles=frozenset(roles),
        is_person=principal.startswith("prn:"),
        now=now,
    )
    cards = _approvals(view, reader, limit)
    if reader.is_person:
        cards += _pauses(view, reader)
        cards += [*_waivers(view, reader), *_reviews(view, reader)]
        cards += _policies(view, reader)
    return cards


def _approvals(view: View, reader: Reader, limit: int) -> list[Row]:
    asks = exists().where(
        GATES.c.model == PROMOTIONS.c.model,
        GATES.c.promotion == PROMOTIONS.c.promotion,
        GATES.c.kind == "approvals",
        GATES.c.status.not_in(("pass", "waived")),
        view.visible(GATES),
    )
    is_open = PROMOTIONS.c.ended_seq.is_(None), PROMOTIONS.c.state.in_(WAITING)
    order = [PROMOTIONS.c.requested_seq]
    waiting = view.rows(PROMOTIONS, *is_open, asks, order_by=order, limit=limit)
    keys = [(row["model"], row["promotion"]) for row in waiting]
    gates, votes = gates_of(view, keys), votes_of(view, keys)
    made = _made_by(view, waiting)
    rules = _rules_of(view, waiting)
    cards = []
    for row, key in zip(waiting, keys, strict=True):
        card = {**summary(row), "gates": gates[key], "votes": votes.get(key, [])}
        card |= made.get((row["model"], row["version"]), _NOBODY)
        barred = _barred(view, card, reader, rules[row["policy"], row["stage"]])
        kinds = {"kind": "approval", "promotion_kind": row["kind"]}
        cards.append({**card, **kinds, "barred": barred})
    return cards


def _rules_of(view: View, waiting: list[Row]) -> dict[Any, Row | None]:
    named = {(row["policy"], row["stage"]) for row in waiting}
    return {each: section(view, *each) for each in named}


def _barred(view: View, card: Row, reader: Reader, rules: Row | None) -> str | None:
    relation = _relation(view, card, reader, rules)
    if relation is not None:
        return relation
    if any(
        is_cast(vote)
        and vote["voter"] in reader.accounts
        and not is_past(vote["valid_until"], reader.now)
        for vote in card["votes"]
    ):
        return "voted"
    named = {
        role
        for gate in card["gates"]
        if gate["kind"] == "approvals"
        for role in gate["values"].get("roles", "").split(",")
        if role
    }
    return "role" if named and not named & reader.roles else None


def _relation(view: View, card: Row, reader: Reader, rules: Row | None) -> str | None:
    own = reader.accounts
    duties = _DUTIES | ((rules and rules["stage"].get("separation_of_duties")) or {})
    if duties["requester"] and card["requester"] in own:
        return "requester"
    if duties["producer"] and card["producer"] in own:
        return "producer"
    if duties["authors"] and not own.isdisjoint(card["authors"]):
        return "author"
    if rules and rules["activated_by"] in own and _is_first(view, card, rules):
        return "activator"
    return None


def _is_first(view: View, card: Row, rules: Row) -> bool:
    """Tell whether nothing was dispatched in the lane under the policy yet."""
    columns = PROMOTIONS.c
    return not view.rows(
        PROMOTIONS,
        columns.model == card["model"],
        columns.stage == card["stage"],
        columns.kind == "forward",
        columns.dispatched_at > rules["activated_at"],
        limit=1,
    )


def _pauses(view: View, reader: Reader) -> Iterator[Row]:
    """Find the roll-outs that stand still until somebody of a role looked."""
    waits = PAUSES.c.role.in_(sorted(reader.roles))
    for pause in view.rows(PAUSES, waits, order_by=[PAUSES.c.paused_at]):
        about = _promotion(view, pause)
        if about["ended_seq"] is None:
            shown = summary(about)
            kinds = {"kind": "pause", "promotion_kind": about["kind"]}
            told = {name: pause[name] for name in ("role", "paused_at")}
            yield {**shown, **told, **kinds, "barred": None}


def _waivers(view: View, reader: Reader) -> Iterator[Row]:
    for waiver in requested(view, now=reader.now):
        about = _waiting(view, waiver)
        if about is None or waiver["asked_by"] in reader.accounts:
            continue
        if not reader.roles.isdisjoint(_second_roles(view, waiver, about, reader)):
            version = {name: about[name] for name in ("version", "requester")}
            yield {**waiver, **version, "kind": "waiver", "barred": None}


def _second_roles(view: View, waiver: Row, about: Row, reader: Reader) -> list[str]:
    """Return the roles of the class; the escalation role while a review is overdue."""
    rules = section(view, about["policy"], about["stage"])
    classes = (rules and rules["stage"].get("break_glass")) or ()
    for each in classes:
        if each["name"] == waiver["break_glass"]:
            senior = each.get("escalation_role")
            is_late = senior and any(
                review["overdue"] and review["break_glass"] == each["name"]
                for review in _owed(view, waiver["model"], reader)
            )
            return [senior] if is_late else list(each["roles"])
    return []


def _owed(view: View, model: str | None, reader: Reader) -> list[Row]:
    return reviews(view, now=reader.now, model=model, open_only=True)


def _reviews(view: View, reader: Reader) -> Iterator[Row]:
    for review in _owed(view, None, reader):
        roles = MAY_REVIEW | {review["escalation_role"]}
        if reader.roles.isdisjoint(roles):
            continue
        about = _promotion(view, review)
        involved = {review["asked_by"], review["second_person"], about["requester"]}
        if reader.accounts.isdisjoint(involved):
            version = {name: about[name] for name in ("version", "requester")}
            yield {**review, **version, "kind": "review", "barred": None}


def _policies(view: View, reader: Reader) -> Iterator[Row]:
    for each in proposals(view):
        agreed = {endorsement["by"] for endorsement in each["endorsements"]}
        is_free = reader.accounts.isdisjoint({each["proposed_by"], *agreed})
        if is_free and each["role"] in reader.roles:
            yield {**each, "kind": "policy", "asks": "endorse", "barred": None}
    for each in retirements(view):
        is_free = reader.accounts.isdisjoint(wish["by"] for wish in each["retiring"])
        if is_free and each["role"] in reader.roles:
            yield {**each, "kind": "policy", "asks": "retire", "barred": None}


def _waiting(view: View, waiver: Row) -> Row | None:
    about = _promotion(view, waiver)
    return about if about["state"] in WAITING else None


def _promotion(view: View, row: Row) -> Row:
    key = PROMOTIONS.c.model == row["model"], PROMOTIONS.c.promotion == row["promotion"]
    found = view.one(PROMOTIONS, *key)
    assert found is not None  # waivers and reviews are of promotions
    return found


def _made_by(view: View, waiting: list[Row]) -> dict[Key, dict[str, Any]]:
    wanted = sorted({(row["model"], row["version"]) for row in waiting})
    found = view.rows(VERSIONS, is_one_of(VERSIONS, "version", wanted))
    return {
        (row["model"], row["version"]): {
            "producer": row["producer"],
            "authors": row["authors"],
        }
        for row in found
    }
