"""Which accounts belong to one person?"""

from rollbook_projections.stage.tables.access import PERSONS
from rollbook_projections.view import View


def accounts(view: View, principal: str) -> frozenset[str]:
    """Return every account of the person behind one, that one included."""
    known = view.one(PERSONS, PERSONS.c.principal == principal)
    return frozenset(known["principals"]) if known else frozenset({principal})
