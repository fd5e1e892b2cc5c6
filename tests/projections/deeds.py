"""Which random histories can a story and its site live through?"""

from collections.abc import Callable
from functools import wraps

from hypothesis import strategies as st

from rollbook.catalogue.parts import Lineage, Parent
from tests.projections import change, fleet
from tests.projections.facts import Asked
from tests.projections.rollout import PLAN, Canary, canary, run_through
from tests.projections.site import OTHER_OWNER, Site, member
from tests.projections.story import ALICE, BOB, Story, dataset
from tests.support.recorder import person

Deed = Callable[[Site, int, int], None]
STAGES = ("development", "staging", "production")


def _register(story: Story, a: int, b: int) -> None:
    parents = [Parent(model=story.model, version=a % story.versions + 1)][: b % 2]
    datasets = (dataset("tx", a % 3),)
    story.version(lineage=Lineage(parents=tuple(parents), datasets=datasets))


def _amend(story: Story, a: int, b: int) -> None:
    lineage = Lineage(datasets=(dataset("tx", b % 3),)) if b % 2 else None
    story.amend(a % story.versions + 1, lineage=lineage, description=f"said {b}")


def _evidence(story: Story, a: int, b: int) -> None:
    if b % 3 == 0 and story.evidence:
        story.revoke(list(story.evidence)[a % len(story.evidence)])
    else:
        story.evaluate(a % story.versions + 1, on=dataset("holdout", b % 2))


def _quarantine(story: Story, a: int, b: int) -> None:
    act = story.quarantine if b % 2 else story.release
    act(a % story.versions + 1, *STAGES[: b % 3])


def _request(story: Story, a: int, b: int) -> None:
    story.request(a % story.versions + 1, STAGES[b % 3], by=(ALICE, BOB)[a % 2])


def _vote(story: Story, a: int, b: int) -> None:
    asked = [each for each in story.promotions.values() if each.stage == STAGES[2]]
    waiting = [each for each in asked if each.state == "GATING"]
    ready = [each for each in asked if each.state == "READY" and BOB.id in each.votes]
    if waiting and b % 3:
        chosen = waiting[a % len(waiting)].id
        (story.reject if b % 5 == 1 else story.approve)(chosen)
    elif ready:
        story.withdraw(ready[a % len(ready)].id)


def _dispatch(story: Story, a: int, b: int) -> None:
    ready = [
        each.id
        for each in story.promotions.values()
        if each.state == "READY" and each.stage not in story.slots
    ]
    if ready:
        (story.cancel if b % 7 == 0 else story.dispatch)(ready[a % len(ready)])


def _report(story: Story, a: int, b: int) -> None:
    holders = sorted(story.slots.values())
    if holders:
        act = (story.acknowledge, story.apply, story.apply, story.fail)[b % 4]
        act(holders[a % len(holders)])


def _go_live(story: Story, a: int, b: int) -> None:
    stage = STAGES[b % 3]
    if stage not in story.slots:
        story.live(a % story.versions + 1, stage)


def _roll_back(story: Story, a: int, b: int) -> None:
    found = [stage for stage in STAGES[1:] if len(story.stacks.get(stage, [])) > 1]
    if found:
        stage = found[a % len(found)]
        back = story.roll_back(stage, story.stacks[stage][-2])
        if b % 3:
            story.apply(back)


def _hold(story: Story, a: int, b: int) -> None:
    stage = STAGES[a % 3]
    (story.unhold if stage in story.holds else story.hold)(stage)


def _point(story: Story, a: int, b: int) -> None:
    story.point("champion", a % story.versions + 1 if b % 4 else None)


def _wait_on(story: Story, a: int, b: int) -> None:
    chosen = _chosen(story, a, "GATING", "READY")
    if chosen is None:
        return
    if b % 7 == 0:
        change.expire(story, chosen.id)
    elif b % 7 == 1:
        change.rebind(story, chosen.id, f"policy{b % 2}")
    elif b % 7 == 2:
        change.rebase(story, chosen.id, to=a % story.versions + 1)
    elif b % 7 < 5:
        change.ask_for_changes(story, chosen.id, by=(ALICE, BOB)[a % 2])
        chosen.votes.pop((ALICE, BOB)[a % 2].id, None)
    else:
        change.refuse_vote(story, chosen.id, by=(ALICE, BOB)[a % 2])


def _break_glass(story: Story, a: int, b: int) -> None:
    chosen = _chosen(story, a, "GATING", "READY")
    if story.reviews and b % 3 == 0:
        change.close_review(story, next(iter(story.reviews)), by=person("c"))
    elif story.waivers and b % 3 == 1:
        waiver = next(iter(story.waivers))
        change.waive(story, story.waivers[waiver], waiver)
    elif chosen is not None:
        change.ask_to_waive(story, chosen.id, *("soak", "rate")[: b % 2 + 1])


def _move_on(story: Story, a: int, b: int) -> None:
    paused = _chosen(story, a, "PAUSED")
    moving = _chosen(story, a, "DISPATCHED", "PROGRESSING", "VERIFYING")
    if paused is not None and b % 2:
        change.resume(story, paused.id, *("auc", "p99")[: b % 3])
    elif moving is not None and moving.stage != "development":
        if b % 5 == 0 and len(story.stacks.get(moving.stage, [])) > 1:
            change.fail_and_take_back(story, moving.id, story.stacks[moving.stage][0])
        elif b % 5 < 3:
            change.pause(story, moving.id)
        elif b % 5 == 3 and moving.state == "PROGRESSING":
            change.verify(story, moving.id)
        else:
            change.analyse(story, moving.id, b / 100)


def _roll_out(story: Story, a: int, b: int) -> None:
    if "staging" in story.slots:
        return
    begun = canary(story, a % story.versions + 1)
    names = [name for wave in PLAN.waves for name in wave.targets]
    begun.acknowledge(names[b % 3])
    if b % 4 == 0:
        begun.fail(names[a % 3], is_platform=b % 8 == 0)
        begun.apply(names[b % 3])
    else:
        begun.apply(*names[: b % 3 + 1])
        begun.bake()
        begun.go_on(*names[b % 3 + 1 :])
        begun.resume()
        begun.go_on()
    run_through(begun)
    if a % 2:
        begun.drift(names[a % 3], runs=b % 4)
        _look_at_drift(b, begun, names[a % 3])


def _look_at_drift(b: int, begun: Canary, target: str) -> None:
    if b % 3 == 1:
        begun.accept(target)
    elif b % 3 == 2:
        begun.correct(target)


def _chosen(story: Story, a: int, *states: str) -> Asked | None:
    found = [each for each in story.promotions.values() if each.state in states]
    return found[a % len(found)] if found else None


def _rule(site: Site, a: int, b: int) -> None:
    policy = f"policy{a % 2}"
    open_ = [each for each, name in site.proposed.items() if name == policy]
    if not open_:
        site.propose(policy, b % 3)
    elif b % 3:
        site.activate(open_[0])
    else:
        site.endorse(open_[0], by=OTHER_OWNER)
    if policy in site.active and b % 5 > 2:
        (site.retire if b % 5 == 4 else site.ask_to_retire)(policy)


def _freeze(site: Site, a: int, b: int) -> None:
    if site.freezes and b % 2:
        site.lift(site.freezes[a % len(site.freezes)])
    else:
        site.freeze(stages=STAGES[: a % 3])


def _release_together(site: Site, a: int, b: int) -> None:
    members = member("fraud", 1, 1), member("churn", 1, 1)
    number = next((n for n, state in site.bundles.items() if state in _MOVING), None)
    state = site.bundles.get(number or 0)
    if number is None:
        site.bundle(*members)
    elif state == "WAITING":
        (site.dispatch if b % 3 else site.cancel)(number)
    elif state == "SUCCEEDED":
        site.roll_back(number, members[0])
    elif b % 2:
        site.succeed(number)
    else:
        site.fail(number, "churn", members[0])


def _mind_the_fleet(site: Site, a: int, b: int) -> None:
    name = f"scorer{a % 2}"
    if name not in site.agents:
        site.agents.add(name)
        fleet.enrol(site.story, name, "staging", ("eu-1", "eu-2")[a % 2])
        return
    acts = (fleet.hear, fleet.lose, fleet.drain, fleet.undrain, fleet.revoke)
    acts[b % 5](site.story, name)
    if b % 5 == len(acts) - 1:
        site.agents.discard(name)


def _link(site: Site, a: int, b: int) -> None:
    letters = "abcdef"
    one, other = letters[a % 6], letters[b % 6]
    if one != other:
        site.link(person(one), person(other))


_MOVING = ("WAITING", "DISPATCHED", "SUCCEEDED")


def _of_the_model(deed: Callable[[Story, int, int], None]) -> Deed:
    @wraps(deed)
    def done(site: Site, a: int, b: int) -> None:
        deed(site.story, a, b)

    return done


_OF_THE_MODEL = (
    _register,
    _amend,
    _evidence,
    _quarantine,
    _request,
    _request,
    _vote,
    _vote,
    _dispatch,
    _dispatch,
    _report,
    _report,
    _report,
    _go_live,
    _go_live,
    _go_live,
    _roll_back,
    _roll_back,
    _hold,
    _point,
    _wait_on,
    _wait_on,
    _break_glass,
    _break_glass,
    _move_on,
    _move_on,
    _move_on,
    _roll_out,
    _roll_out,
)
DEEDS = (
    *map(_of_the_model, _OF_THE_MODEL),
    _rule,
    _rule,
    _freeze,
    _release_together,
    _release_together,
    _link,
    _mind_the_fleet,
    _mind_the_fleet,
)
NUMBERS = st.integers(0, 20)
HISTORIES = st.lists(
    st.tuples(st.sampled_from(DEEDS), NUMBERS, NUMBERS), min_size=12, max_size=40
)


def lived(deeds: list[tuple[Deed, int, int]]) -> Story:
    """Live through them, one after another."""
    story = Story().begun()
    story.version(lineage=Lineage(datasets=(dataset("tx"),)))
    story.version()
    site = Site(story)
    for deed, a, b in deeds:
        deed(site, a, b)
    return story
