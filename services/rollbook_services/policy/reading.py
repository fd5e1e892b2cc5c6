"""Is a text or an object a policy, and if not, what is wrong with it?"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic import ValidationError
from rfc8785 import CanonicalizationError

from rollbook import canonical
from rollbook_services.policy.document import Policy
from rollbook_services.policy.fault import Fault
from rollbook_services.policy.mistakes import faults
from rollbook_services.policy.text import LARGEST_TEXT, Written, parse


def read(text: str) -> Policy | tuple[Fault, ...]:
    """Read a policy file; every fault names its line."""
    written = parse(text)
    if not isinstance(written, Written):
        return written
    checked = check(written.document)
    if isinstance(checked, Policy):
        return checked
    return located(checked, written)


def located(found: tuple[Fault, ...], written: Written) -> tuple[Fault, ...]:
    """Say on which line of the text each fault stands."""
    return tuple(replace(each, line=written.line_of(each.path)) for each in found)


def check(document: Mapping[str, Any]) -> Policy | tuple[Fault, ...]:
    """Read a policy that is an object already."""
    try:
        text = canonical.dumps(dict(document))
    except CanonicalizationError as error:
        remedy = "write texts, whole numbers, true and false only"
        return (Fault("", None, f"the ledger cannot hold it: {error}", remedy),)
    if len(text) > LARGEST_TEXT:
        too_large = f"it has {len(text)} bytes, at most {LARGEST_TEXT} are kept"
        return (Fault("", None, too_large, "split it into several policies"),)
    return _read(text)


def revive(document: Mapping[str, Any]) -> Policy:
    """Read a policy that the ledger holds; ValueError for one of a later release."""
    policy = _read(canonical.dumps(dict(document)))
    if isinstance(policy, Policy):
        return policy
    raise ValueError(f"this release cannot read the policy: {policy[0]}")


@lru_cache(maxsize=256)
def _read(text: bytes) -> Policy | tuple[Fault, ...]:
    # As JSON, because only there "strict" means what a file can say: a list is a
    # tuple and a word an enumeration, but "2" is no number and 1 no truth.
    try:
        return Policy.model_validate_json(text, strict=True)
    except ValidationError as error:
        return faults(Policy, error.errors(include_url=False))
