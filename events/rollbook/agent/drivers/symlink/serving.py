"""What do the link and the routes of one model say, and how do they change at once?

While a switch is under way, the file `.switching` says what was served before it: a
kill in between leaves that, and whatever comes next begins from there.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from rollbook.agent.state import sync_folder
from rollbook.agent.versions import VERSIONS
from rollbook.agent.wanted import STABLE, Wanted
from rollbook.names import Count, Digest

CURRENT: Final = "current"
ROUTES: Final = "routes.json"
NOTE: Final = ".switching"


class Route(BaseModel):
    """One version of a split: its share of the requests and of copies, in percent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Count
    digest: Digest
    path: str
    weight: Count
    mirror: Count = 0


class Routes(BaseModel):
    """The file `routes.json`, for a server that shares the traffic."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    revision: Count
    promotion: Count
    split_key: str | None
    variants: Mapping[str, Route]

    @property
    def leader(self) -> str | None:
        """Name the path of the version with most requests; `stable` wins a tie."""
        by_weight = sorted(
            self.variants.items(), key=lambda each: (-each[1].weight, each[0] != STABLE)
        )
        return by_weight[0][1].path if by_weight else None


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server finds: where the link leads, and the text of the routes."""

    current: str | None = None
    """`versions/<digest>`; None: there is no link, or it leads nowhere."""
    routes: str | None = None

    def runs(self) -> Mapping[str, int]:
        """Return the weight of each path that is served.

        Where link and routes contradict each other, somebody moved the link.
        """
        read = self._routes()
        if self.current is None:
            return {}
        if read is None or read.leader != self.current:
            return {self.current: 100}
        found: dict[str, int] = {}
        for route in read.variants.values():
            found[route.path] = found.get(route.path, 0) + route.weight
        return found

    def means(self) -> object:
        """Return what a server has to be told of: not which document asked for it."""
        read = self._routes()
        return self.current, read and (read.split_key, read.variants)

    def _routes(self) -> Routes | None:
        try:
            return Routes.model_validate_json(self.routes or "")
        except ValidationError:
            return None


def serving(wanted: Wanted, *, with_routes: bool) -> Serving:
    """Say how link and routes serve what is wanted."""
    routes = Routes(
        revision=wanted.event.revision,
        promotion=wanted.event.promotion,
        split_key=wanted.split_key,
        variants={
            name: Route(
                version=share.variant.version,
                digest=share.variant.digest,
                path=f"{VERSIONS}/{share.variant.digest.replace(':', '-')}",
                weight=share.weight,
                mirror=share.mirror,
            )
            for name, share in wanted.shares.items()
        },
    )
    has_routes = with_routes and bool(routes.variants)
    return Serving(routes.leader, routes.model_dump_json() if has_routes else None)


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one model."""

    folder: Path

    @property
    def note(self) -> Path:
        """Name the file that says what was served before an unfinished switch."""
        return self.folder / NOTE

    def read(self) -> Serving:
        """Look at the disk."""
        link = self.folder / CURRENT
        is_live = link.is_symlink() and link.is_dir()
        current = str(link.readlink()) if is_live else None
        return Serving(current, _text(self.folder / ROUTES))

    def before(self) -> Serving | None:
        """Return what was served before a switch that is not finished."""
        text = _text(self.note)
        return Serving(**json.loads(text)) if text is not None else None

    def change(self, before: Serving, after: Serving) -> None:
        """Write down what was served, then serve something else."""
        said = {"current": before.current, "routes": before.routes}
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self.note, json.dumps(said))
        sync_folder(self.folder)
        self.write(after)

    def write(self, serving: Serving) -> None:
        """Change the routes, then the link; each in one step."""
        _write(self.folder / ROUTES, serving.routes)
        link = self.folder / CURRENT
        if serving.current is None:
            link.unlink(missing_ok=True)
        else:
            draft = self.folder / f".{CURRENT}.new"
            draft.unlink(missing_ok=True)
            draft.symlink_to(serving.current)
            draft.replace(link)
        sync_folder(self.folder)

    def finish(self) -> None:
        """Forget what was served before."""
        self.note.unlink(missing_ok=True)


def _text(file: Path) -> str | None:
    try:
        return file.read_text()
    except FileNotFoundError:
        return None


def _write(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink(missing_ok=True)
        return
    draft = file.with_name(f".{file.name}.new")
    with draft.open("w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
