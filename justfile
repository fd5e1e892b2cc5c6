# `just --list` shows the recipes; `./rollbook test` makes the environment and runs `check`.

export PATH := justfile_directory() / ".venv" / "bin" + ":" + env("PATH")

# Everything that must hold before a change lands: layout, lint, types, contracts, tests.
check:
    ruff format --check
    ruff check
    mypy
    lint-imports
    pytest -n auto

# Tests, by pytest's arguments: `just test tests/events -k reference`.
test *arguments:
    pytest {{ arguments }}

# The fault tests: killed servers, killed services, cut connections.
faults *arguments:
    pytest tests/faults {{ arguments }}

# The table of speeds, with ratios against limits measured in the same run.
bench *arguments:
    python -m tests.benchmarks {{ arguments }}

# Writes golden messages for events that have none.
golden:
    python -m tests.support.golden

# Writes the generated pages: all events, promotion states, problems, commands.
page:
    python -m tests.support.page
    python -m tests.support.states
    python -m tests.support.problem_page
    python -m tests.support.command_page

# Tests the documents: README's commands, links, names.
docs *arguments:
    pytest tests/journeys/test_documents.py {{ arguments }}

# Runs all of Rollbook here, on ./rollbook-data.
serve *arguments:
    rollbook up {{ arguments }}
