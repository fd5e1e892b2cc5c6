"""A growing mapping is a value: every face keeps what it saw."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rollbook_services.registrar.growing import Growing

steps = st.lists(st.tuples(st.integers(0, 9), st.integers()), max_size=30)


@given(steps=steps, visits=st.lists(st.integers(0, 30), max_size=20))
def test_every_face_keeps_what_it_saw(
    steps: list[tuple[int, int]], visits: list[int]
) -> None:
    faces, seen = [Growing[int, int]()], [dict[int, int]()]
    for index, (key, value) in enumerate(steps):
        base = visits[index % len(visits)] % len(faces) if visits else -1
        faces.append(faces[base].plus(key, value))
        seen.append({**seen[base], key: value})
    for visit in visits:
        at = visit % len(faces)
        assert dict(faces[at]) == seen[at]
        assert len(faces[at]) == len(seen[at])
    assert [dict(face) for face in faces] == seen


def test_a_face_is_written_and_read_by_its_entries() -> None:
    face = Growing({1: "a"}).plus(2, "b")
    assert pickle.loads(pickle.dumps(face)) == face
    adapter = TypeAdapter(Growing[int, str])
    assert adapter.validate_json(adapter.dump_json(face)) == face
    assert repr(face) == "Growing({1: 'a', 2: 'b'})"


def test_what_is_not_there_is_missing() -> None:
    face = Growing[int, str]()
    assert face.get(1) is None
    assert 1 not in face
    with pytest.raises(KeyError):
        face[1]
