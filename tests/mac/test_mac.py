"""Our HMAC against the library's."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from digest.mac import Mac, mac


@given(st.binary(min_size=1, max_size=200), st.lists(st.binary(max_size=200), max_size=4))
def test_it_gives_what_the_library_gives_however_often_it_is_asked(key: bytes, messages: list[bytes]) -> None:
    ours = Mac(key)
    assert [ours.digest(message) for message in messages] == [
        hmac.digest(key, message, "sha256") for message in messages
    ]


def test_a_key_is_prepared_once() -> None:
    assert mac(b"a key") is mac(b"a key")
    assert mac(b"a key") is not mac(b"another")
