"""Which documents are there to be, as the lease and the wakes say it?

A promise is a hint and carries no order: it says where to look, and that what is
older than promised is not worth beginning.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

OWN_TOKENS: Final = 4
"""`stage.target.team.name`; a lane beside the target's own adds its stage."""


@dataclass(slots=True)
class Promised:
    """The revision of each key, by the key of the model's own lane."""

    prefix: str
    """`stage.target.`"""
    _revisions: dict[str, dict[str, int]] = field(default_factory=dict)

    def known(self, keys: Iterable[str]) -> None:
        """Take keys that were there once; nothing is promised of them."""
        for key in keys:
            self._promise(key, 0)

    def listed(self, keys: Mapping[str, int]) -> set[str]:
        """Take the whole list; return the models of which more is promised."""
        before = {key: revision for _, key, revision in self._all()}
        for home, key, _ in self._all():
            self._revisions[home][key] = keys.get(key, 0)
        for key, revision in keys.items():
            self._promise(key, revision)
        return {
            home
            for home, key, revision in self._all()
            if revision > before.get(key, -1)
        }

    def heard(self, key: str, revision: int) -> str | None:
        """Take a wake; return the model to look at, if the key is the target's."""
        self._promise(key, revision)
        return self._home(key)

    def of(self, home: str) -> Mapping[str, int]:
        """Return every key of a model with the revision that is promised."""
        return dict(self._revisions.get(home, {}))

    def revision(self, key: str) -> int:
        """Return the revision that is promised of one key."""
        home = self._home(key)
        return self._revisions.get(home, {}).get(key, 0) if home else 0

    @property
    def homes(self) -> list[str]:
        """List the models."""
        return sorted(self._revisions)

    def _promise(self, key: str, revision: int) -> None:
        home = self._home(key)
        if home is not None:
            keys = self._revisions.setdefault(home, {})
            keys[key] = max(revision, keys.get(key, 0))

    def _home(self, key: str) -> str | None:
        """Name the model's own key, where this is a key of the target."""
        tokens = key.split(".")
        is_ours = key.startswith(self.prefix) and all(tokens)
        if not is_ours or not OWN_TOKENS <= len(tokens) <= OWN_TOKENS + 1:
            return None
        return ".".join(tokens[:OWN_TOKENS])

    def _all(self) -> list[tuple[str, str, int]]:
        return [
            (home, key, revision)
            for home, keys in self._revisions.items()
            for key, revision in keys.items()
        ]
