"""A driver of one's own: a text file says which version is served, and where it is."""

from rollbook.agent.driver import Health, Observed, Plan, Progress, driver, refuse_split


@driver
class TextFileDriver:
    name, capabilities = "textfile", frozenset()

    def __init__(self, setup):
        self.root = setup.root

    def plan(self, wanted, observed):
        refuse_split(self, wanted)
        return Plan(wanted, observed, () if observed.equals(wanted) else ("write",))

    async def apply(self, plan, context):
        whole = plan.wanted.whole
        text = f"{whole.digest} {await context.fetch(whole)}" if whole else ""
        (self.root / plan.target.model.replace("/", ".")).write_text(text)
        yield Progress("written", text)

    async def observe(self, target):
        files = self.root.glob(target.model.replace("/", "."))
        return Observed({d: 100 for f in files for d in f.read_text().split()[:1]})

    async def health(self, target):
        return Health.UNKNOWN
