"""What a signature covers, how it is written, and what breaks it."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from dkim_samples import ANN, DATE, HEADERS, ed25519, named, rendering, rsa, signed, slot, tags, verdicts

from digest.config import SigningKey
from digest.model import IssueHeaders, Rendering

OVERSIGNED = ("from", "to", "subject", "date", "reply-to", "list-unsubscribe", "list-unsubscribe-post")
COVERED = {
    *OVERSIGNED,
    *("message-id", "mime-version", "content-type", "list-id", "list-help", "list-archive", "feedback-id"),
}
LONG_NAME = "Die sehr lange und ausführliche Zeitung des Hafens von Überlingen am Bodensee " * 3


def test_both_signatures_verify_the_rsa_one_on_top() -> None:
    message = signed()
    assert verdicts(message) == [True, True]
    assert [tags(message, number)["a"] for number in range(2)] == ["rsa-sha256", "ed25519-sha256"]
    assert message.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=ledger.example;")


def test_a_signature_says_who_and_when_and_limits_nothing() -> None:
    told = tags(signed())
    assert (told["d"], told["s"], told["c"]) == ("ledger.example", "news", "relaxed/relaxed")
    assert datetime.fromtimestamp(int(told["t"]), UTC) == DATE
    assert not {"l", "x", "i", "q"} & set(told)


def test_everything_that_a_reader_acts_on_is_signed_once_and_what_must_stay_alone_twice() -> None:
    counted = named(signed())
    assert set(counted) == COVERED
    assert [counted.count(name) for name in OVERSIGNED] == [2] * len(OVERSIGNED)
    assert len(counted) == len(COVERED) + len(OVERSIGNED)


def test_a_field_that_is_not_there_is_signed_as_missing() -> None:
    message = signed(headers=replace(HEADERS, reply_to="", archive_url=""))
    assert named(message).count("reply-to") == 1
    assert "list-archive" not in named(message)
    assert verdicts(b"Reply-To: thief@elsewhere.example\r\n" + message) == [False, False]


def test_what_the_relay_rewrites_is_not_signed() -> None:
    message = signed(unsigned=frozenset({"Message-ID", "Date"}))
    assert {"message-id", "date"}.isdisjoint(named(message))
    rewritten = re.sub(rb"(?m)^Date: .*?\r\n", b"Date: Wed, 25 Nov 2026 07:00:00 +0000\r\n", message)
    rewritten = re.sub(rb"(?m)^Message-ID: .*?\r\n", b"Message-ID: <0102@eu.ses.example>\r\n", rewritten)
    assert verdicts(rewritten) == [True, True]


def test_from_is_signed_whatever_a_relay_is_said_to_rewrite() -> None:
    assert named(signed(unsigned=frozenset({"From"}))).count("from") == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: The harbour", b"Subject: A harbour"),
        (b"To: ann@", b"To: anne@"),
        (b"From: The Harbour Ledger", b"From: The Harbor Ledger"),
        (b"Date: Tue, 24", b"Date: Wed, 25"),
        (b"Message-ID: <77.", b"Message-ID: <78."),
        (b"List-Unsubscribe: <https://news.", b"List-Unsubscribe: <https://bad."),
        (b"List-Id: The Daily", b"List-Id: The Weekly"),
        (b"boundary=", b"charset=x; boundary="),
        (b"Hello=20", b"Goodbye=20"),
        (b"t=1795503600;", b"t=1795503601;"),
        (b"\r\n--=_0123456789abcdef--\r\n", b"\r\n--=_0123456789abcdef--\r\nMore\r\n"),
    ],
)
def test_a_change_breaks_both_signatures(old: bytes, new: bytes) -> None:
    message = signed()
    assert old in message
    assert verdicts(message.replace(old, new)) == [False, False]


@pytest.mark.parametrize(
    "added",
    [
        b"From: Somebody <thief@elsewhere.example>\r\n",
        b"To: all@elsewhere.example\r\n",
        b"Subject: You have won\r\n",
        b"Date: Wed, 25 Nov 2026 07:00:00 +0000\r\n",
        b"Reply-To: thief@elsewhere.example\r\n",
        b"List-Unsubscribe: <https://elsewhere.example/>\r\n",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    ],
)
def test_another_field_of_that_name_breaks_both_signatures_above_as_below(added: bytes) -> None:
    message = signed()
    assert verdicts(added + message) == [False, False]
    assert verdicts(message.replace(b"MIME-Version", added + b"MIME-Version")) == [False, False]


def test_what_a_relay_may_do_breaks_nothing() -> None:
    message = b"Received: from news by relay\r\n\twith ESMTP\r\n" + signed()
    unfolded = message.replace(b"Subject: The harbour", b"SUBJECT:  The\r\n\t harbour")
    assert verdicts(unfolded + b"\r\n\r\n") == [True, True]


@pytest.mark.parametrize(
    "headers",
    [
        replace(HEADERS, sender_name="Bücher & Häfen, täglich", list_name=LONG_NAME),
        replace(HEADERS, archive_url="https://news.ledger.example/" + "a" * 800),
        replace(HEADERS, extra=(("X-Long", "y" * 990), ("X-Many", "word " * 150))),
        replace(HEADERS, extra=(("List-Owner", "<mailto:a@ledger.example>"), ("List-Post", "NO"))),
        replace(HEADERS, extra=(("List-Owner", "one  two"), ("list-owner", "three"), ("LIST-OWNER", "four"))),
    ],
    ids=["not ASCII", "a long link", "long fields", "more of List-", "one name in three fields"],
)
def test_headers_of_every_shape_verify(headers: IssueHeaders) -> None:
    message = signed(rendering(subject=f"Ä{'o' * 70} " * 6), headers)
    assert verdicts(message) == [True, True]
    assert max(map(len, message.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "address", ["o'neill+x@x.example", "jürgen@xn--bcher-kva.example", "a" * 64 + "@b.example"]
)
def test_addresses_of_every_shape_verify(address: str) -> None:
    assert verdicts(signed(recipient=replace(ANN, email=address))) == [True, True]


@pytest.mark.parametrize(
    "shown",
    [
        rendering(text="No slot at all\n", html="<p>Nor here</p>"),
        rendering(text=slot("name") + slot("email"), html=slot("since")),
        rendering(text=".\n..\n.dot\n \n\t\nblank at the end \n\n\n\n", html=" \n" * 40),
        rendering(text="", html=f"<p>{'x ' * 4000}{slot('name')}</p>"),
        rendering(text=f"{slot('name', ' ')}\n{slot('name')}\n\n", html=f"{slot('email')}\n\n\n"),
    ],
    ids=["no slot", "slots alone", "dots and blanks", "a late slot", "empty values"],
)
@pytest.mark.parametrize("name", ["Ann", "", ". ", "Ünü  \t"])
def test_bodies_of_every_shape_verify(shown: Rendering, name: str) -> None:
    assert verdicts(signed(shown, recipient=replace(ANN, name=name))) == [True, True]


def test_each_subscriber_has_a_signature_of_its_own() -> None:
    one, other = signed(), signed(recipient=replace(ANN, name="Ben"))
    assert tags(one)["b"] != tags(other)["b"]
    assert tags(one)["bh"] != tags(other)["bh"]


@pytest.mark.parametrize("key", [rsa(), ed25519()], ids=["rsa", "ed25519"])
def test_one_key_makes_one_signature(key: SigningKey) -> None:
    assert verdicts(signed(keys=[key])) == [True]


def test_a_signature_is_folded_to_76_octets_and_begins_nothing_else() -> None:
    field = signed(keys=[rsa()]).partition(b"\r\nFrom:")[0]
    first, *others = field.split(b"\r\n")
    assert first.startswith(b"DKIM-Signature: ")
    assert all(re.match(rb" \S", line) for line in others)
    assert max(map(len, field.split(b"\r\n"))) <= 76


def test_the_longest_domain_and_selector_still_fit() -> None:
    domain = ".".join(["d" * 60] * 3) + ".example"
    key = SigningKey(domain=domain, selector="s" * 63, private=ed25519().private)
    message = signed(keys=[key])
    assert verdicts(message, [key]) == [True]
    assert max(map(len, message.split(b"\r\n"))) <= 998
