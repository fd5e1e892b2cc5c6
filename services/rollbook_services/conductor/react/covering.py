"""Which model and which stage does a list of names and patterns cover?"""

from collections.abc import Collection
from fnmatch import fnmatchcase


def covers_model(patterns: Collection[str], model: str) -> bool:
    """Tell whether a model is named, or matches; no pattern at all covers every one."""
    return not patterns or any(fnmatchcase(model, each) for each in patterns)


def covers_stage(stages: Collection[str], stage: str) -> bool:
    """Tell whether a stage is named; no name at all covers every one."""
    return not stages or stage in stages
