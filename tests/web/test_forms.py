import contextlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from digest.web.forms import Act, FormError, asked, read


def request(body: bytes, content_type: str) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


@pytest.mark.parametrize(
    ("fields", "act"),
    [
        ([("List-Unsubscribe", "One-Click")], Act.ONE_CLICK),
        ([("list-unsubscribe", " one-click\r\n")], Act.ONE_CLICK),
        ([("act", "return"), ("List-Unsubscribe", "One-Click")], Act.ONE_CLICK),
        ([("act", "leave")], Act.LEAVE),
        ([("act", "return"), ("other", "thing")], Act.RETURN),
    ],
)
def test_what_is_asked_for_is_recognised(fields: Iterable[tuple[str, str]], act: Act) -> None:
    assert asked(fields) is act


@given(st.lists(st.tuples(st.text(), st.text())))
def test_fields_by_chance_ask_for_nothing(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(FormError):
        asked(fields)


@given(
    body=st.binary(max_size=400),
    kind=st.sampled_from(
        [
            "",
            "text/plain",
            "multipart/form-data; boundary=b",
            "multipart/form-data; charset=rot13; boundary=b",
        ]
    ),
)
async def test_no_body_is_more_than_unclear(body: bytes, kind: str) -> None:
    with contextlib.suppress(FormError):
        assert (await read(request(body, kind))).act in Act


@given(
    name=st.sampled_from(['name="List-Unsubscribe"', "name=List-Unsubscribe", "", 'filename="x"', "name"]),
    end=st.sampled_from(["", "\r\n--b", "\r\n--b--", "\r\n--b--\r\n"]),
    parameters=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
)
async def test_no_multipart_is_more_than_unclear(name: str, end: str, parameters: str) -> None:
    body = f"--b\r\nContent-Disposition: form-data; {name}\r\n\r\nOne-Click{end}".encode()
    with contextlib.suppress(FormError):
        form = await read(request(body, f"multipart/form-data; boundary=b;{parameters}"))
        assert form.act is Act.ONE_CLICK


async def test_a_file_asks_for_nothing() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="act"; filename="f"\r\n\r\nleave\r\n--b--\r\n'
    with pytest.raises(FormError):
        await read(request(body, "multipart/form-data; boundary=b"))
