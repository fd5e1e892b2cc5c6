"""Which nouns does Rollbook know, and what may each of them look like?"""

from typing import Annotated, Final, NewType

from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    AllowInfNan,
    AwareDatetime,
    BeforeValidator,
    StringConstraints,
)

LARGEST: Final = 2**53 - 1  # the largest integer that RFC 8785 can write
LONGEST_NAME: Final = 100
LONGEST_REASON: Final = 500
LARGEST_BODY: Final = 31_744  # bytes; the server counts headers, its limit is 32 KiB

DEFAULT_TEAM: Final = "default"  # where a name without a team lives
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
_TOO_LARGE: Final = 2**1023  # for a double
_PART: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"


def _is_not_reserved(name: str) -> str:
    if name.split("/")[-1].isdigit():
        raise ValueError("a name of digits alone reads like a number; add a letter")
    return name


def _spelled_short(name: str) -> str:
    """Spell a model of the default team without it: one model has one name."""
    return name.removeprefix(f"{DEFAULT_TEAM}/")


def _is_not_a_number(alias: str) -> str:
    if alias == "latest" or alias.removeprefix("v").isdigit():
        raise ValueError("reserved: 'latest' and numbers name versions, not aliases")
    return alias


def _is_exact(number: object) -> object:
    """Refuse an integer that would silently become another one as a double."""
    if isinstance(number, int) and (
        abs(number) >= _TOO_LARGE or int(float(number)) != number
    ):
        raise ValueError("no double is exactly this integer; send it as text")
    return number


# `team/name` or `name`, which is `default/name`; an identity for ever, never reused.
ModelName = NewType(
    "ModelName",
    Annotated[
        str,
        StringConstraints(pattern=rf"^({_PART}/)?{_PART}$", max_length=201),
        AfterValidator(_is_not_reserved),
        AfterValidator(_spelled_short),
    ],
)
StageName = NewType(
    "StageName", Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
)
TargetName = NewType(
    "TargetName", Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
)
GateName = NewType("GateName", Annotated[str, StringConstraints(pattern=NAME_PATTERN)])
RoleName = NewType("RoleName", Annotated[str, StringConstraints(pattern=NAME_PATTERN)])
AliasName = NewType(
    "AliasName",
    Annotated[
        str, StringConstraints(pattern=NAME_PATTERN), AfterValidator(_is_not_a_number)
    ],
)
EvidenceKind = NewType(
    "EvidenceKind", Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
)

# What a token may be for; all but an agent's lets its holder read.
AGENT: Final = RoleName("agent")
READERS: Final = tuple(
    RoleName(role)
    for role in (
        *("viewer", "auditor", "publisher", "reviewer", "release-manager"),
        *("incident-commander", "policy-owner", "access-admin"),
    )
)
ROLES: Final = (*READERS, AGENT)

AgentName = NewType(
    "AgentName", Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
)
PolicyName = NewType(
    "PolicyName", Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
)

Version = NewType("Version", Annotated[int, Ge(1), Le(LARGEST)])
PromotionId = NewType("PromotionId", Annotated[int, Ge(1), Le(LARGEST)])
BundleId = NewType("BundleId", Annotated[int, Ge(1), Le(LARGEST)])
Count = Annotated[int, Ge(0), Le(LARGEST)]
Sequence = NewType("Sequence", Annotated[int, Ge(1), Le(LARGEST)])

# sha256 of a file; of an OCI manifest; of an OpenSSF model signature's files, which
# covers their contents in the order of their names, not the names themselves.
Digest = NewType(
    "Digest",
    Annotated[
        str, StringConstraints(pattern=r"^(sha256|oci-sha256|oms-sha256):[0-9a-f]{64}$")
    ],
)
EventId = NewType(
    "EventId", Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]
)
CommandId = NewType(
    "CommandId",
    Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/@-]{1,128}$")],
)
KeyId = NewType(
    "KeyId", Annotated[str, StringConstraints(pattern=r"^ed25519:[0-9a-f]{16}$")]
)
TokenId = NewType(
    "TokenId", Annotated[str, StringConstraints(pattern=r"^[a-z2-7]{16}$")]
)

# `prn:` a person by pseudonym, `svc:` a workload or agent, `rollbook:` ourselves.
Principal = NewType(
    "Principal",
    Annotated[
        str,
        StringConstraints(
            pattern=r"^(prn:[a-z2-7]{13}|svc:[A-Za-z0-9][A-Za-z0-9_-]{0,99}"
            r"|rollbook:[a-z-]{1,40})$"
        ),
    ],
)

Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Prose = Annotated[str, StringConstraints(max_length=2000)]
# Why somebody did something: required, and permanent, so no personal data.
Reason = NewType(
    "Reason",
    Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=1, max_length=LONGEST_REASON
        ),
    ],
)
Finite = Annotated[float, AllowInfNan(False)]
Scalar = (
    bool
    | Annotated[int, Ge(-LARGEST), Le(LARGEST)]
    | Annotated[Finite, BeforeValidator(_is_exact)]
    | Prose
)
Metrics = dict[Line, Finite]
Tags = dict[Line, Prose]
Parameters = dict[Line, Scalar]
Instant = AwareDatetime
