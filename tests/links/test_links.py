"""Links: nobody can make one, damage one, or learn an address from one, and none ever stops working."""

import string
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest import links
from digest.errors import TokenError, UsageError
from digest.links import Link, LinkKind

KEYS = (b"first key of thirty-two octets..", b"second key of thirty-two octets.")
URL_SAFE = string.ascii_letters + string.digits + "-_"

ids = st.integers(min_value=0, max_value=2**63 - 1)
any_link = st.builds(
    Link, kind=st.sampled_from(LinkKind), subscriber_id=ids, address_version=ids, issue_id=ids
)
LINK = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=123_456, address_version=2, issue_id=77)


@given(any_link)
def test_a_link_reads_back_as_it_was_signed(link: Link) -> None:
    assert links.read(links.sign(link, KEYS), KEYS) == link


@given(any_link)
def test_a_token_needs_no_escaping_and_ends_in_a_letter_that_mail_programs_keep(link: Link) -> None:
    token = links.sign(link, KEYS)
    assert set(token) <= set(URL_SAFE)
    assert token[-1].isalnum()


def test_a_token_is_short_and_the_same_every_time() -> None:
    token = links.sign(LINK, KEYS)
    assert len(token) < 32
    assert token == links.sign(LINK, KEYS)


def test_every_change_of_one_character_is_refused() -> None:
    token = links.sign(LINK, KEYS)
    for place in range(len(token)):
        for letter in URL_SAFE + "=+/ .é":
            changed = token[:place] + letter + token[place + 1 :]
            if changed != token:
                with pytest.raises(TokenError):
                    links.read(changed, KEYS)


def test_every_shortened_or_lengthened_token_is_refused() -> None:
    token = links.sign(LINK, KEYS)
    for damaged in (
        *(token[:end] for end in range(len(token))),
        *(token + more for more in URL_SAFE + "= \n"),
    ):
        with pytest.raises(TokenError):
            links.read(damaged, KEYS)


@given(
    st.text()
    | st.text(alphabet=URL_SAFE, max_size=80)
    | st.binary().map(lambda raw: urlsafe_b64encode(raw).decode())
)
@example("A" * 1_000_000)
@example("gICAgICAgICAgICAgICAgICAgIAA")
def test_what_we_did_not_sign_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        links.read(token, KEYS)


def test_a_second_spelling_of_a_signed_number_is_refused() -> None:
    octets = urlsafe_b64decode(links.sign(Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=5), KEYS) + "==")
    longer = octets[:1] + b"\x85\x00" + octets[2:]
    with pytest.raises(TokenError):
        links.read(urlsafe_b64encode(longer).rstrip(b"=").decode(), KEYS)


def test_an_unknown_kind_is_refused() -> None:
    token = links.sign(LINK, KEYS)
    with pytest.raises(TokenError):
        links.read(
            urlsafe_b64encode(b"\x7f" + urlsafe_b64decode(token + "=" * (-len(token) % 4))[1:]).decode(), KEYS
        )


def test_an_old_link_is_read_after_the_key_was_rotated() -> None:
    old = links.sign(LINK, KEYS[1:])
    assert links.read(old, KEYS) == LINK
    assert links.sign(LINK, KEYS) != old


def test_a_link_of_another_installation_is_refused() -> None:
    with pytest.raises(TokenError):
        links.read(links.sign(LINK, KEYS[1:]), KEYS[:1])


def test_a_test_mails_link_reads_as_inert() -> None:
    inert = Link(kind=LinkKind.INERT, subscriber_id=5)
    assert links.read(links.sign(inert, KEYS), KEYS).kind is LinkKind.INERT


@pytest.mark.parametrize("number", [-1, 2**63])
def test_a_number_that_is_no_id_is_not_signed(number: int) -> None:
    with pytest.raises(ValueError, match="no id"):
        links.sign(Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=number), KEYS)


@pytest.mark.parametrize("public_url", ["https://news.ledger.example", "https://news.ledger.example/"])
def test_an_unsubscribe_url_is_the_public_url_u_and_the_token(public_url: str) -> None:
    url = links.unsubscribe_url(public_url, LINK, KEYS)
    assert url == f"https://news.ledger.example/u/{links.sign(LINK, KEYS)}"


def test_a_key_file_gives_its_keys_in_order() -> None:
    fresh = links.new_key()
    keys = links.parse_keys(f"# rotated in May\n{fresh}\r\n\n  a passphrase of at least 32 characters  \n")
    assert keys == (bytes.fromhex(fresh), b"a passphrase of at least 32 characters")
    assert len(keys[0]) == 32


def test_two_new_keys_differ() -> None:
    assert links.new_key() != links.new_key()


def test_a_short_key_is_refused_by_its_line_and_not_shown() -> None:
    with pytest.raises(UsageError) as refused:
        links.parse_keys(f"{links.new_key()}\nhunter2\n")
    assert "Line 2" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "\n \n", "# only a comment\n"])
def test_a_key_file_without_keys_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no key"):
        links.parse_keys(text)
