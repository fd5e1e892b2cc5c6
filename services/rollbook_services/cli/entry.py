"""What runs first when somebody types `rollbook`, before anything is imported?"""

import sys


def main() -> None:
    """Answer `--version` at once; else hand over, if the extra `cli` is there."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print(f"rollbook {_version()}")  # noqa: T201
        return
    try:
        import click  # noqa: F401
    except ModuleNotFoundError:
        sys.exit(
            "error: the command line needs the extra 'cli': "
            "pip install 'rollbook[cli]', or 'rollbook[server]' to run a server too"
        )
    from rollbook_services.cli.main import run

    sys.exit(run(arguments))


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rollbook")
    except PackageNotFoundError:
        return "unknown"
