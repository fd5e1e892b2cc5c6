"""Which models and aliases are there?"""

from sqlalchemy import func, select

from rollbook_projections.stage.tables.model import ALIASES, MODELS
from rollbook_projections.stage.tables.version import VERSIONS
from rollbook_projections.view import Row, View


def models(
    view: View, *, q: str | None = None, limit: int = 100, after: str | None = None
) -> list[Row]:
    """List models by name, those above `after`; `q` is part of a name."""
    name = MODELS.c.model
    where = [] if after is None else [name > after]
    if q:
        where.append(func.lower(name).contains(q.lower(), autoescape=True))
    found = view.rows(MODELS, *where, order_by=[name], limit=limit)
    return _with_newest(view, found)


def model(view: View, name: str) -> Row | None:
    """Show one model, or None."""
    found = view.rows(MODELS, MODELS.c.model == name)
    return next(iter(_with_newest(view, found)), None)


def aliases(view: View, model: str) -> list[Row]:
    """List the aliases of a model that point at a version."""
    where = ALIASES.c.model == model, ALIASES.c.version.is_not(None)
    return view.rows(ALIASES, *where, order_by=[ALIASES.c.alias])


def _with_newest(view: View, found: list[Row]) -> list[Row]:
    names = [row["model"] for row in found]
    numbers = (
        select(VERSIONS.c.model, func.max(VERSIONS.c.version).label("latest"))
        .where(VERSIONS.c.model.in_(names), view.visible(VERSIONS))
        .group_by(VERSIONS.c.model)
    )
    latest = {row["model"]: row["latest"] for row in view.fetch(numbers)}
    return [{**row, "latest": latest.get(row["model"])} for row in found]
