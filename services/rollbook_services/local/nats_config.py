"""How is the table of accounts written down as nats-server configuration?

Pure text. `python -m rollbook_services.local.nats_config FOLDER` writes the files
of `deploy/nats`; keys and paths are environment variables there.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from rollbook_services.local.accounts import (
    EXPORTS,
    Account,
    Export,
    User,
    agent,
    feed_reader,
    pipeline,
    with_platform,
)

MAX_PAYLOAD_BYTES: Final = 256 * 1024
NODES: Final = ("n1", "n2", "n3")
# Named so that a site sees what to replace; README.md beside the files says how.
EXAMPLE_CLIENTS: Final = (
    agent("agent-staging-default", stage="staging", target="default"),
    agent("agent-production-default", stage="production", target="default"),
    pipeline("pipeline"),
    feed_reader("reader"),
)
_HEAD: Final = (
    "# Written by `python -m rollbook_services.local.nats_config`; edit the table of",
    "# accounts instead. A test compares this file with the generator's output.",
)
# The server answers `sync always` before it acknowledges, or a power cut loses events.
_PROMISES: Final = ("sync_interval: always", "strict: true")


def key_variable(user: str) -> str:
    """Name the environment variable that holds a user's public key."""
    return "ROLLBOOK_NATS_KEY_" + "".join(
        letter.upper() if letter.isalnum() else "_" for letter in user
    )


def embedded(
    folder: Path, *, users: Iterable[User], keys: Mapping[str, str], port: int
) -> str:
    """Write the one file of the embedded server; port -1 lets it take a free one."""
    server = [
        "server_name: rollbook",
        "host: 127.0.0.1",
        f"port: {port}",
        f"max_payload: {MAX_PAYLOAD_BYTES}",
        f"pid_file: {_quoted(str(folder / 'nats' / 'server.pid'))}",
        f"ports_file_dir: {_quoted(str(folder / 'nats'))}",
        f"log_file: {_quoted(str(folder / 'nats' / 'server.log'))}",
        "logfile_size_limit: 10MB",
        "logfile_max_num: 3",
        *_block(
            "jetstream {",
            [f"store_dir: {_quoted(str(folder / 'jetstream'))}", *_PROMISES],
            "}",
        ),
    ]
    return _text([*server, *_accounts(users, lambda name: _quoted(keys[name]))])


def user_block(user: User, public_key: str) -> str:
    """Write one user as it stands in its account: what an operator adds by hand."""
    return _text(_user(user, lambda _: _quoted(public_key)))


def deployed() -> dict[str, str]:
    """Write every file of `deploy/nats`, by its path there."""
    return {
        "accounts.conf": _text(
            [
                *_HEAD,
                *_accounts(
                    with_platform(EXAMPLE_CLIENTS),
                    lambda name: f"${key_variable(name)}",
                ),
            ]
        ),
        "single.conf": _text([*_HEAD, *_node("rollbook", accounts="accounts.conf")]),
        **{
            f"cluster/{node}.conf": _text(
                [*_HEAD, *_node(node, accounts="../accounts.conf"), *_cluster(node)]
            )
            for node in NODES
        },
    }


def _node(name: str, *, accounts: str) -> list[str]:
    return [
        f"server_name: {name}",
        "host: 0.0.0.0",
        "port: 4222",
        f"max_payload: {MAX_PAYLOAD_BYTES}",
        *_block("jetstream {", ["store_dir: $ROLLBOOK_NATS_STORE", *_PROMISES], "}"),
        *_tls(verify=False),
        f"include {_quoted(accounts)}",
    ]


def _cluster(node: str) -> list[str]:
    others = [f"nats-route://{other}:6222" for other in NODES if other != node]
    return _block(
        "cluster {",
        [
            "name: rollbook",
            "listen: 0.0.0.0:6222",
            *_block("routes: [", [_quoted(other) for other in others], "]"),
            # Who may open a route is a full member of every account.
            *_tls(verify=True),
        ],
        "}",
    )


def _tls(*, verify: bool) -> list[str]:
    return _block(
        "tls {",
        [
            "cert_file: $ROLLBOOK_NATS_CERTIFICATE",
            "key_file: $ROLLBOOK_NATS_CERTIFICATE_KEY",
            "ca_file: $ROLLBOOK_NATS_CA",
            *(["verify: true"] if verify else []),
        ],
        "}",
    )


def _accounts(users: Iterable[User], key: Callable[[str], str]) -> list[str]:
    members = tuple(users)
    blocks = (
        _account(account, [user for user in members if user.account is account], key)
        for account in Account
    )
    return [
        *_block("accounts {", chain.from_iterable(blocks), "}"),
        f"system_account: {Account.SYS}",
    ]


def _account(
    account: Account, users: Iterable[User], key: Callable[[str], str]
) -> list[str]:
    exports = [_export(export) for export in EXPORTS if export.owner is account]
    imports = [_import(export) for export in EXPORTS if account in export.to]
    return _block(
        f"{account} {{",
        [
            *(["jetstream: enabled"] if account.has_jetstream else []),
            *_block(
                "users: [", chain.from_iterable(_user(user, key) for user in users), "]"
            ),
            *(_block("exports: [", exports, "]") if exports else []),
            *(_block("imports: [", imports, "]") if imports else []),
        ],
        "}",
    )


def _user(user: User, key: Callable[[str], str]) -> list[str]:
    if user.is_admin:
        return [f"# {user.name}", f"{{ nkey: {key(user.name)} }}"]
    rights = [
        *_block("publish: { allow: [", map(_quoted, user.publish), "] }"),
        *_block("subscribe: { allow: [", map(_quoted, user.may_subscribe), "] }"),
    ]
    return [
        f"# {user.name}",
        f"{{ nkey: {key(user.name)}, permissions: {{",
        *("  " + line for line in rights),
        "} }",
    ]


def _export(export: Export) -> str:
    streamed = ", response_type: stream" if export.is_streamed else ""
    accounts = ", ".join(export.to)
    return (
        f"{{ {export.kind}: {_quoted(export.subject)}{streamed}, "
        f"accounts: [{accounts}] }}"
    )


def _import(export: Export) -> str:
    source = f"{{ account: {export.owner}, subject: {_quoted(export.subject)} }}"
    renamed = export.imported_as != export.subject
    to = f", to: {_quoted(export.imported_as)}" if renamed else ""
    return f"{{ {export.kind}: {source}{to} }}"


def _block(opening: str, lines: Iterable[str], closing: str) -> list[str]:
    return [opening, *("  " + line for line in lines), closing]


def _quoted(text: str) -> str:
    """Quote as nats-server reads it: its escapes for ASCII are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    """Write the files of `deploy/nats` into a folder."""
    for name, text in deployed().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
