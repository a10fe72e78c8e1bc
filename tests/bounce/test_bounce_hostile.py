"""What strangers send to the bounces' address costs little, and breaks nothing."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.bounce.read import read
from digest.bounce.report import Kind, Report

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.eml"))]
OCTETS = 10_000_000

DAEMON = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n"
REPORT = DAEMON + b'Content-Type: multipart/report; boundary="b"\n\n'
STATUS = REPORT + b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"


def nested(depth: int) -> bytes:
    return DAEMON + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number)
        for number in range(depth)
    )


DIFFERENT = b"".join(b"<a%d@b.example>: full\n" % number for number in range(5000))

ALMOST = b"user account mailbox recipient address domain host sender message adresse "
SECTIONS = b"".join(b"<a%d@b.example>:\n%s\n" % (number, ALMOST * 20) for number in range(100))

HOSTILE = {
    "one line": (DAEMON + b"\n", b"a"),
    "words": (DAEMON + b"\n", b"the user account of the recipient address mailbox not "),
    "at signs": (DAEMON + b"\n", b"@"),
    "addresses": (DAEMON + b"\n", b"<a@b.example>:\nuser unknown\n"),
    "different addresses": (DAEMON + b"\n" + DIFFERENT, DIFFERENT),
    "long sections": (DAEMON + b"\n" + SECTIONS, SECTIONS),
    "an endless local part": (DAEMON + b"\n", b"a."),
    "an endless domain": (DAEMON + b"\na@", b"b."),
    "blanks": (DAEMON + b"\nx", b" \t"),
    "line ends": (DAEMON + b"\nx", b"\r\n"),
    "bare carriage returns": (DAEMON + b"\r\rx", b"\r"),
    "numbers": (DAEMON + b"\n", b"550 5.1.1 550-"),
    "header fields": (DAEMON, b"A: b\n"),
    "a folded header": (DAEMON + b"To: ", b"a@b.example,\n "),
    "an endless subject": (b"Subject: ", b"=?utf-8?q?undeliverable?= "),
    "broken words": (b"From: mailer-daemon\nSubject: ", b"=?"),
    "parameters": (DAEMON + b"Content-Type: multipart/mixed", b'; a="b'),
    "nested multiparts": (nested(10_000), b"a"),
    "parts": (REPORT, b"--b\n\n"),
    "almost delimiters": (REPORT, b"--b x\n"),
    "groups": (STATUS, b"Final-Recipient: rfc822; a@b.example\nAction: failed\n\n"),
    "a status without groups": (STATUS, b"Final-Recipient: rfc822; a@b.example\n"),
    "tags": (DAEMON + b"Content-Type: text/html\n\n", b"<style><"),
    "entities": (DAEMON + b"Content-Type: text/html\n\n", b"&#x3c;a&"),
    "base64": (DAEMON + b"Content-Transfer-Encoding: base64\n\n", b"YUBi"),
    "quoted-printable": (DAEMON + b"Content-Transfer-Encoding: quoted-printable\n\n", b"=4"),
    "utf-7": (DAEMON + b"Content-Type: text/plain; charset=utf-7\n\n", b"+ADw-"),
    "punycode": (DAEMON + b"Content-Type: text/plain; charset=punycode\n\n", b"abcd-"),
    "wrapped reports": (
        b"",
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n",
    ),
}


@pytest.mark.parametrize(("head", "piece"), [pytest.param(*pair, id=name) for name, pair in HOSTILE.items()])
def test_ten_hostile_megabytes_are_read_within_a_second(head: bytes, piece: bytes) -> None:
    message = head + piece * (OCTETS // len(piece))
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
