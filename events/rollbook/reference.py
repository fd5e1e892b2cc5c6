"""How do people write models, versions, lanes and promotions, and what is meant?

    model     = [ team "/" ] name              fraud = default/fraud
    version   = model "@" ( number / "v" number / alias / "latest" / digest prefix )
    lane      = model "#" stage [ "~" n ]      as a version: the stable one, n before it
    promotion = model ":" number

MLflow's `models:/fraud/7`, `models:/fraud@champion` and `models:/fraud/Production`
are read too. The one parser of design/surfaces.md §2; needs the standard library
alone, because the command line waits for it.
"""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_STEPS: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_DIGEST: Final = re.compile(r"(sha256|oci-sha256|oms-sha256):[0-9a-f]{8,64}", re.ASCII)
_LARGEST: Final = 2**53 - 1
_LONGEST: Final = 512
_MLFLOW: Final = "models:/"
_DEFAULT_TEAM: Final = "default"


class InvalidReference(ValueError):
    """A text that names nothing; says what was expected in its place."""

    def __init__(self, text: str, expected: str) -> None:
        """Hold the text as it was given and what would be understood."""
        self.text, self.expected = text, expected
        super().__init__(f"{text[:120]!r} is no reference here: {expected}")


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A model; `default` is the team of those written without one."""

    team: str
    name: str

    def __str__(self) -> str:
        """Write it as short as it can be read back."""
        return self.name if self.team == _DEFAULT_TEAM else f"{self.team}/{self.name}"


@dataclass(frozen=True, slots=True)
class VersionReference:
    """A version by number, or by an alias, `latest` or the start of its digest."""

    model: ModelReference
    at: int | str

    def __str__(self) -> str:
        """Write it as it can be read back."""
        return f"{self.model}@{self.at}"


@dataclass(frozen=True, slots=True)
class LaneReference:
    """A model in a stage; `back` counts stable versions before the present one."""

    model: ModelReference
    stage: str
    back: int = 0

    def __str__(self) -> str:
        """Write it as it can be read back."""
        return f"{self.model}#{self.stage}" + (f"~{self.back}" if self.back else "")


@dataclass(frozen=True, slots=True)
class PromotionReference:
    """One attempt to change one lane."""

    model: ModelReference
    number: int

    def __str__(self) -> str:
        """Write it as it can be read back."""
        return f"{self.model}:{self.number}"


Reference = ModelReference | VersionReference | LaneReference | PromotionReference


def parse(text: str) -> Reference:
    """Read a reference of any kind; raises InvalidReference."""
    if len(text) > _LONGEST:
        raise InvalidReference(text, f"at most {_LONGEST} characters")
    if text.startswith(_MLFLOW):
        return _mlflow(text)
    found = re.search(r"[@#:]", text)
    if found is None:
        return _model(text, text)
    model, rest = _model(text[: found.start()], text), text[found.end() :]
    match found.group():
        case "@":
            return VersionReference(model, _selector(rest, text))
        case "#":
            return _lane(model, rest, text)
        case _:
            return PromotionReference(
                model, _number(rest, text, "a promotion's number after ':'")
            )


def parse_model(text: str) -> ModelReference:
    """Read a model's name; raises InvalidReference."""
    match parse(text):
        case ModelReference() as model:
            return model
        case other:
            raise InvalidReference(
                text, f"only the model is wanted, write {other.model}"
            )


def parse_version(text: str) -> VersionReference | LaneReference:
    """Read what stands for one version: `fraud@7` or `fraud#production~1`."""
    match parse(text):
        case VersionReference() | LaneReference() as version:
            return version
        case ModelReference() as model:
            raise InvalidReference(
                text, f"a version is wanted, write {model}@7 or {model}@latest"
            )
        case PromotionReference() as promotion:
            raise InvalidReference(
                text,
                "':' names a promotion; the version of that number is "
                f"{promotion.model}@{promotion.number}",
            )


def parse_promotion(text: str) -> PromotionReference:
    """Read a promotion, `fraud:31`; raises InvalidReference."""
    match parse(text):
        case PromotionReference() as promotion:
            return promotion
        case other:
            model = other if isinstance(other, ModelReference) else other.model
            raise InvalidReference(text, f"a promotion is wanted, write {model}:31")


def _model(text: str, whole: str) -> ModelReference:
    team, slash, name = text.rpartition("/")
    team = team if slash else _DEFAULT_TEAM
    for part in (team, name):
        if _NAME.fullmatch(part) is None:
            raise InvalidReference(
                whole,
                "a name is 1 to 100 of A-Z a-z 0-9 _ - and begins with a letter or "
                "digit; write fraud or team/fraud",
            )
    if name.isdigit():
        raise InvalidReference(
            whole, "a model's name of digits alone reads like a number; add a letter"
        )
    return ModelReference(team, name)


def _selector(text: str, whole: str) -> int | str:
    bare = text.removeprefix("v")
    if _NUMBER.fullmatch(bare) and int(bare) <= _LARGEST:
        return int(bare)
    if _DIGEST.fullmatch(text):
        return text
    if _NAME.fullmatch(text) and not bare.isdigit():
        return text
    raise InvalidReference(
        whole,
        "after '@' stands a version's number, an alias, 'latest', or 'sha256:' with "
        "at least 8 digits of the digest",
    )


def _lane(model: ModelReference, text: str, whole: str) -> LaneReference:
    stage, tilde, steps = text.partition("~")
    if _NAME.fullmatch(stage) is None:
        raise InvalidReference(whole, "after '#' stands a stage, as in fraud#staging")
    if not tilde:
        return LaneReference(model, stage)
    if _STEPS.fullmatch(steps) is None:
        raise InvalidReference(
            whole, "after '~' stands how many stable versions to go back"
        )
    return LaneReference(model, stage, int(steps))


def _number(text: str, whole: str, expected: str) -> int:
    if _NUMBER.fullmatch(text) is None or int(text) > _LARGEST:
        raise InvalidReference(whole, f"{expected} is a whole number from 1")
    return int(text)


def _mlflow(text: str) -> VersionReference | LaneReference:
    body = text.removeprefix(_MLFLOW)
    if "@" in body:
        model, _, alias = body.partition("@")
        return VersionReference(_model(model, text), _selector(alias, text))
    model, slash, last = body.rpartition("/")
    if not slash:
        raise InvalidReference(
            text, "write models:/fraud/7, models:/fraud@champion or models:/fraud/stage"
        )
    if _NUMBER.fullmatch(last) or last == "latest":
        return VersionReference(_model(model, text), _selector(last, text))
    # MLflow's stages are compared without case: Production is our production.
    return _lane(_model(model, text), last.lower(), text)
