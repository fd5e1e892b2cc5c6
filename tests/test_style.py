"""Can every file be read in one sitting, and does its name say what is in it?"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("events", "projections", "services", "tests")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
LONGEST_FILE = 400
EMPTY_WORDS = {"base", "manager", "helper", "util", "common", "impl", "info", "misc"}


def words(name: str) -> set[str]:
    """Split `snake_case` and `CamelCase` into words."""
    return {each.lower() for each in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)}


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 100


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in FILES}
    assert not {path: n for path, n in lengths.items() if n > LONGEST_FILE}


def test_no_file_or_class_is_named_for_nothing() -> None:
    named_for_nothing = []
    for path in FILES:
        names = [path.stem, *path.relative_to(ROOT).parts[:-1]]
        tree = ast.parse(path.read_text())
        names += [
            node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
        ]
        named_for_nothing += [
            (path, name)
            for name in names
            if {word.removesuffix("s") for word in words(name)} & EMPTY_WORDS
        ]
    assert named_for_nothing == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path for path in FILES if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_names_of_what_was_found_are_split_as_people_read_them() -> None:
    assert words("DatabaseManager") == {"database", "manager"}
    assert words("http_util") == {"http", "util"}
    assert words("Commonly") == {"commonly"}
