"""What strangers send to the bounces' address costs little, and breaks nothing."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.bounce.read import read
from digest.bounce.report import Kind, Report

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.eml"))]
MEGABYTES = 10_000_000

DAEMON = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n"
REPORT = DAEMON + b'Content-Type: multipart/report; boundary="b"\n\n'
STATUS = REPORT + b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"


def filled(head: bytes, piece: bytes) -> bytes:
    return head + piece * (MEGABYTES // len(piece))


def nested(depth: int) -> bytes:
    return DAEMON + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number)
        for number in range(depth)
    )


HOSTILE = {
    "one line": filled(DAEMON + b"\n", b"a"),
    "words": filled(DAEMON + b"\n", b"the user account of the recipient address mailbox not "),
    "at signs": filled(DAEMON + b"\n", b"@"),
    "addresses": filled(DAEMON + b"\n", b"<a@b.example>:\nuser unknown\n"),
    "different addresses": DAEMON + b"\n" + b"".join(b"<a%d@b.example>: full\n" % n for n in range(400_000)),
    "an endless local part": filled(DAEMON + b"\n", b"a.") + b"@b.example",
    "an endless domain": filled(DAEMON + b"\na@", b"b."),
    "blanks": filled(DAEMON + b"\nx", b" \t"),
    "line ends": filled(DAEMON + b"\nx", b"\r\n"),
    "bare carriage returns": filled(DAEMON + b"\r\rx", b"\r"),
    "numbers": filled(DAEMON + b"\n", b"550 5.1.1 550-"),
    "header fields": filled(DAEMON, b"A: b\n"),
    "a folded header": filled(DAEMON + b"To: ", b"a@b.example,\n "),
    "an endless subject": filled(b"Subject: ", b"=?utf-8?q?undeliverable?= "),
    "broken words": filled(b"From: mailer-daemon\nSubject: ", b"=?"),
    "parameters": filled(DAEMON + b"Content-Type: multipart/mixed", b'; a="b'),
    "nested multiparts": nested(100_000),
    "parts": filled(REPORT, b"--b\n\n"),
    "almost delimiters": filled(REPORT, b"--b x\n"),
    "groups": filled(STATUS, b"Final-Recipient: rfc822; a@b.example\nAction: failed\n\n"),
    "a status without groups": filled(STATUS, b"Final-Recipient: rfc822; a@b.example\n"),
    "tags": filled(DAEMON + b"Content-Type: text/html\n\n", b"<style><"),
    "entities": filled(DAEMON + b"Content-Type: text/html\n\n", b"&#x3c;a&"),
    "base64": filled(DAEMON + b"Content-Transfer-Encoding: base64\n\n", b"YUBi"),
    "quoted-printable": filled(DAEMON + b"Content-Transfer-Encoding: quoted-printable\n\n", b"=4"),
    "utf-7": filled(DAEMON + b"Content-Type: text/plain; charset=utf-7\n\n", b"+ADw-"),
    "punycode": filled(DAEMON + b"Content-Type: text/plain; charset=punycode\n\n", b"abcd-"),
    "wrapped reports": filled(
        b"", b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
    ),
}


@pytest.mark.parametrize("message", [pytest.param(message, id=name) for name, message in HOSTILE.items()])
def test_ten_hostile_megabytes_are_read_within_a_second(message: bytes) -> None:
    began = time.process_time()
    read(message)
    assert time.process_time() - began < 1


@given(st.data())
def test_a_mutated_bounce_is_read_without_an_error(data: st.DataObject) -> None:
    message = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(message)))
        upto = data.draw(st.integers(at, min(at + 40, len(message))))
        message[at:upto] = data.draw(
            st.one_of(
                st.binary(max_size=20),
                st.just(message[:at]),
                st.sampled_from([b"\r", b"\n\n", b"=?x?b?", b"\0"]),
            )
        )
    report = read(bytes(message))
    assert isinstance(report, Report)
    assert report.kind is not Kind.NONE or not report.recipients
    assert all("\n" not in one.evidence + one.address for one in report.recipients)


@given(st.binary(max_size=400))
def test_any_octets_are_read_without_an_error(message: bytes) -> None:
    assert read(message).recipients == ()
