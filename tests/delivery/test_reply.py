import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.outcome import Kind, Whose
from digest.delivery.phrases import NO_SUCH_ADDRESS
from digest.delivery.reply import EVIDENCE_CHARACTERS, classify, enhanced_status, words
from digest.model import Phase, Reply

CONNECT, TLS, AUTH = Phase.CONNECT, Phase.TLS, Phase.AUTH
MAIL, RCPT, DATA, BODY = Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY

# What relays and providers say, or what a connection did, as (phase, line).
REPLIES: dict[Kind, list[tuple[Phase, str]]] = {
    Kind.ACCEPTED: [
        (BODY, "250 2.0.0 Ok: queued as 4Xy0Zt1b2Cz9"),
        (BODY, "250 Ok 0100019328a1b2c3-000000"),
        (BODY, "250 OK id=1tDq3R-0006Ab-2K"),
        (BODY, "251 user not local; will forward"),
    ],
    Kind.UNKNOWN: [
        (BODY, "0 connection lost"),
        (BODY, "0 timed out after 600 s"),
    ],
    Kind.RELAY_TROUBLE: [
        (CONNECT, "0 connection refused"),
        (CONNECT, "0 name or service not known"),
        (CONNECT, "554 5.7.1 No SMTP service here"),
        (CONNECT, "450 4.3.2 try again later"),
        (TLS, "0 certificate has expired"),
        (TLS, "454 4.7.0 TLS not available due to local problem"),
        (AUTH, "454 4.7.0 Temporary authentication failure: Connection lost"),
        (AUTH, "0 connection lost"),
        (MAIL, "421 4.3.0 Temporary System Problem. Try again later"),
        (MAIL, "421 4.4.2 mail.example Error: timeout exceeded"),
        (MAIL, "452 4.3.1 Insufficient system storage"),
        (RCPT, "0 connection lost"),
        (DATA, "421 Service not available, closing transmission channel"),
        (BODY, "421 4.7.0 Try again later, closing connection."),
        (CONNECT, "421 4.7.0 Too many concurrent SMTP connections"),
    ],
    Kind.CONNECTION_USED_UP: [
        (MAIL, "421 too many messages in this connection"),
        (MAIL, "421 Max message per connection reached, closing transmission channel"),
        (MAIL, "450 4.7.1 Error: too many messages per connection"),
        (RCPT, "452 4.5.3 Your message has too many recipients"),
    ],
    Kind.SLOW_DOWN: [
        (BODY, "454 Throttling failure: Maximum sending rate exceeded."),
        (MAIL, "421 4.7.28 Our system has detected an unusual rate of email from your IP address"),
        (MAIL, "421 4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred due to unexpected volume"),
        (MAIL, "451 4.7.500 Server busy. Please try again later from [192.0.2.7]."),
        (RCPT, "451 4.7.650 The mail server [192.0.2.7] is temporarily rate limited due to IP reputation."),
        (MAIL, "450 4.2.1 Peak SMTP relay limit exceeded for customer."),
        (RCPT, "450 4.7.1 Error: too much mail, rate limit reached"),
        (MAIL, "450 4.7.0 Too many messages, slow down"),
        (MAIL, "450 4.7.1 Error: too much mail from 192.0.2.7"),
        (RCPT, "450 4.7.1 Error: too many recipients from 192.0.2.7"),
        (RCPT, "450 4.7.1 <a@reader.example>: Recipient address rejected: sending rate limit exceeded"),
    ],
    Kind.QUOTA: [
        (BODY, "454 Throttling failure: Daily message quota exceeded."),
        (MAIL, "550 5.4.5 Daily user sending limit exceeded."),
        (BODY, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process"),
        (AUTH, "451 Authentication failed: Maximum credits exceeded"),
        (MAIL, "452 4.7.1 Quota exceeded"),
        (RCPT, "550 5.4.5 <a@reader.example>: Recipient address rejected: Daily sending limit exceeded"),
        (RCPT, "550 Domain ledger.example has exceeded the max emails per hour (126/100 (126%)) allowed."),
    ],
    Kind.SETUP: [
        (AUTH, "535 5.7.8 Error: authentication failed"),
        (AUTH, "535 Authentication Credentials Invalid"),
        (AUTH, "534 5.7.9 Application-specific password required"),
        (AUTH, "538 5.7.11 Encryption required for requested authentication mechanism"),
        (AUTH, "503 5.5.1 AUTH not available"),
        (TLS, "502 5.5.1 command not implemented"),
        (MAIL, "530 5.7.0 Must issue a STARTTLS command first"),
        (MAIL, "530 5.7.57 Client not authenticated to send mail"),
    ],
    Kind.REFUSED_OURS: [
        (MAIL, "553 5.1.8 <news@ledger.example>: Sender address rejected: Domain not found"),
        (MAIL, "550 5.7.60 SMTP; Client does not have permissions to send as this sender"),
        (MAIL, "550 5.1.1 <news@ledger.example>: user unknown"),
        (BODY, "554 Message rejected: Email address is not verified. The following identities failed"),
        (BODY, "550 5.7.1 Our system has detected that this message is likely unsolicited mail."),
        (BODY, "550 5.7.26 Unauthenticated email from ledger.example is not accepted due to DMARC policy."),
        (BODY, "550 5.7.515 Access denied, sending domain LEDGER.EXAMPLE does not meet the required level"),
        (BODY, "550 5.7.25 The IP address sending this message does not have a PTR record setup"),
        (BODY, "552 5.3.4 Message size exceeds fixed limit"),
        (BODY, "552 5.2.3 Message exceeds maximum fixed size"),
        (BODY, "550 5.6.0 Lone CR or LF in headers (see RFC2822 section 2.2)"),
        (BODY, "554 5.7.1 Service unavailable; blocked using zen.spamhaus.org"),
        (BODY, "554 5.7.9 Message not accepted for policy reasons."),
        (BODY, "550 Requested action not taken: mailbox unavailable"),
        (RCPT, "550 5.1.0 <news@ledger.example>: Sender address rejected: User unknown in virtual table"),
        (RCPT, "550 Sender verify failed"),
        (RCPT, "550 5.7.1 Client host rejected: cannot find your hostname, [192.0.2.7]"),
        (RCPT, "550 Your domain does not exist"),
        (RCPT, "501 5.5.4 Invalid arguments"),
        (DATA, "554 5.5.1 Error: no valid recipients"),
    ],
    Kind.DEAD_ADDRESS: [
        (RCPT, "550 5.1.1 <a@reader.example>: Recipient address rejected: User unknown in local table"),
        (RCPT, "550 5.1.1 The email account that you tried to reach does not\n5.1.1 exist. Please"),
        (RCPT, "550 5.1.1 The email account that you tried to reach does not 5.1.1 exist. Please try"),
        (RCPT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
        (RCPT, "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [AM0.prod.outlook.com]"),
        (RCPT, "550 5.4.1 All recipient addresses rejected : Access denied [BN1.prod.outlook.com]"),
        (RCPT, "556 5.1.10 Recipient address has null MX"),
        (RCPT, "550 5.1.2 Host unknown (Name server: reader.example: host not found)"),
        (RCPT, "501 5.1.3 Bad recipient address syntax"),
        (RCPT, "550 5.1.6 recipient no longer on server"),
        (RCPT, "550 5.7.1 <a@reader.example>... User unknown"),
        (RCPT, "550 a@reader.example...User unknown"),
        (RCPT, "550 No such user:a@reader.example"),
        (RCPT, "550 No Such User Here"),
        (RCPT, "550 Unrouteable address"),
        (RCPT, "550 unknown user"),
        (RCPT, "550 5.5.0 user unknown"),
        (RCPT, "553 sorry, that recipient is not in my validrcptto list: no such mailbox (#5.1.1)"),
        (RCPT, "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)"),
        (RCPT, "550 Invalid Recipient - https://community.example/docs/DOC-1369#550"),
        (RCPT, "550 5.1.1 unknown or illegal alias: ann@reader.example"),
        (RCPT, "550 Benutzer unbekannt"),
        (RCPT, "550 Adresse inconnue"),
        (BODY, "554 delivery error: dd This user doesn't have a yahoo.com account (ann@yahoo.com) [0]"),
        (BODY, "550 5.1.1 User unknown"),
    ],
    Kind.REFUSED_POLICY: [
        (RCPT, "554 5.7.1 <a@reader.example>: Relay access denied"),
        (RCPT, "550 relay not permitted"),
        (RCPT, "554 5.7.1 Service unavailable; Client [192.0.2.7] blocked using bl.example"),
        (RCPT, "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required"),
        (RCPT, "550 5.7.1 Message rejected due to local policy"),
        (RCPT, "550 Rejected because 192.0.2.7 is in a black list"),
        (RCPT, "550 5.1.1 Rejected as spam"),
    ],
    Kind.DISABLED: [
        (RCPT, "550 5.2.1 The email account that you tried to reach is disabled."),
        (RCPT, "550 5.2.1 Mailbox unavailable"),
        (RCPT, "525 5.7.13 User account disabled"),
        (RCPT, "550 account has been suspended"),
        (BODY, "550 5.2.1 This mailbox is inactive"),
    ],
    Kind.SOFT: [
        (RCPT, "452 4.2.2 The email account that you tried to reach is over quota."),
        (RCPT, "552 5.2.2 The email account that you tried to reach is over quota and inactive."),
        (RCPT, "552 Requested mail action aborted: exceeded storage allocation"),
        (RCPT, "550 Mailbox is full"),
        (RCPT, "450 4.3.2 System not accepting network messages"),
        (RCPT, "452 4.3.1 Insufficient system storage"),
        (RCPT, "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)"),
        (RCPT, "550-Requested action not taken: mailbox unavailable"),
        (BODY, "552 5.2.2 Mailbox over quota"),
    ],
    Kind.GREYLISTED: [
        (RCPT, "450 4.2.0 <a@reader.example>: Recipient address rejected: Greylisted, see postgrey.example"),
        (RCPT, "451 4.7.1 Greylisting in action, please come back later"),
        (RCPT, "451 4.7.1 Please try again later"),
        (BODY, "450 4.7.1 Service unavailable - try again later"),
        (RCPT, "451 graylisted for 300 seconds"),
    ],
    Kind.TEMPORARY: [
        (RCPT, "450 4.2.1 The user you are trying to contact is receiving mail too quickly."),
        (RCPT, "450 4.1.1 <a@reader.example>: Recipient address rejected: User unknown in local table"),
        (RCPT, "450 4.1.2 <a@reader.example>: Recipient address rejected: Domain not found"),
        (RCPT, "451 4.3.0 <a@reader.example>: Temporary lookup failure"),
        (RCPT, "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.7]"),
        (RCPT, "454 4.7.1 <a@reader.example>: Relay access denied"),
        (RCPT, "450 mailbox busy"),
        (MAIL, "451 4.3.5 Server configuration error"),
        (BODY, "451 4.3.0 Error: queue file write error"),
    ],
    Kind.UNRECOGNISED: [
        (RCPT, "550 Rejected"),
        (RCPT, "550 Recipient address rejected"),
        (RCPT, "554 Transaction failed"),
        (RCPT, "999 what"),
        (BODY, "354 go on"),
    ],
}


def read(phase: Phase, line: str) -> Reply:
    code, text = re.split("[ -]", line, maxsplit=1)
    return Reply(phase=phase, code=int(code), text=text)


@pytest.mark.parametrize(
    ("kind", "phase", "line"),
    [
        pytest.param(kind, phase, line, id=f"{kind.value}: {phase.value} {line[:50]!r}")
        for kind, replies in REPLIES.items()
        for phase, line in replies
    ],
)
def test_a_reply_is_read_as_what_it_means(kind: Kind, phase: Phase, line: str) -> None:
    outcome = classify(read(phase, line))
    assert outcome.kind is kind


@pytest.mark.parametrize("phase", [AUTH, TLS])
def test_a_454_before_mail_that_lasts_is_a_matter_of_set_up(phase: Phase) -> None:
    reply = Reply(phase=phase, code=454, text="4.7.0 TLS not available due to local problem")
    assert classify(reply).kind is Kind.RELAY_TROUBLE
    assert classify(reply, lasting=True).kind is Kind.SETUP


def test_a_greeting_that_goes_on_refusing_us_is_a_matter_of_set_up() -> None:
    reply = Reply(phase=CONNECT, code=554, text="5.7.1 blocked, see bl.example")
    assert classify(reply).kind is Kind.RELAY_TROUBLE
    assert classify(reply, lasting=True).kind is Kind.SETUP


@pytest.mark.parametrize(
    ("phase", "line", "whose"),
    [
        (RCPT, "450 4.2.1 mailbox busy", Whose.SUBSCRIBER),
        (RCPT, "450 4.7.1 Client host rejected", Whose.OURS),
        (RCPT, "451 4.3.0 Temporary lookup failure", Whose.RELAY),
        (MAIL, "451 4.3.0 Mail server temporarily rejected message", Whose.RELAY),
        (BODY, "451 4.3.0 Mail server temporarily rejected message", Whose.RELAY),
    ],
)
def test_only_the_subscribers_own_4xx_is_the_subscribers(phase: Phase, line: str, whose: Whose) -> None:
    assert classify(read(phase, line)).whose is whose


@pytest.mark.parametrize(
    "address",
    ["no-such-user@reader.example", "user unknown <greylist@reader.example>", "spam@throttling.example"],
)
def test_a_readers_address_is_no_evidence(address: str) -> None:
    text = f"<{address.rpartition(' ')[2].strip('<>')}>: rejected"
    assert classify(Reply(phase=RCPT, code=550, text=text)).kind is Kind.UNRECOGNISED


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (550, "5.1.1 no", "5.1.1"),
        (552, "4.2.2 full", "4.2.2"),
        (553, "sorry (#5.1.1)", "5.1.1"),
        (550, "[5.7.1] no", "5.7.1"),
        (450, "see 5.1.1 for help", ""),
        (550, "host 5.9.1.2 refused", ""),
        (421, "deferred - 4.16.55.1; see help", ""),
        (550, "no", ""),
        (0, "connection lost", ""),
    ],
)
def test_an_enhanced_status_is_found_where_it_stands(code: int, text: str, status: str) -> None:
    assert enhanced_status(Reply(phase=RCPT, code=code, text=text)) == status


def test_the_reply_is_kept_as_evidence_and_shortened() -> None:
    reply = Reply(phase=RCPT, code=550, text="5.1.1 User unknown " + "x" * 9000)
    evidence = classify(reply).evidence
    assert evidence.startswith("550 5.1.1 User unknown")
    assert len(evidence) == EVIDENCE_CHARACTERS


def test_a_421_and_a_loss_close_the_connection() -> None:
    assert classify(Reply(phase=MAIL, code=421, text="4.7.28 unusual rate")).closes
    assert classify(Reply(phase=BODY, code=0, text="lost")).closes
    assert not classify(Reply(phase=RCPT, code=550, text="5.1.1 no")).closes


WORDS = [word for replies in REPLIES.values() for _, line in replies for word in line.split()]
TEXTS = st.text(max_size=80) | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
ANY_REPLY = st.builds(
    Reply,
    phase=st.sampled_from(Phase),
    code=st.integers(400, 599) | st.sampled_from([0, 250, 354, 421, 454]) | st.integers(),
    text=TEXTS,
)


@given(ANY_REPLY, st.booleans())
def test_whatever_a_relay_says_it_is_read(reply: Reply, lasting: bool) -> None:
    assert classify(reply, lasting=lasting).kind in Kind


@given(ANY_REPLY)
def test_nothing_but_evidence_about_the_address_makes_it_dead(reply: Reply) -> None:
    outcome = classify(reply)
    if outcome.kind is not Kind.DEAD_ADDRESS:
        return
    assert reply.phase in {RCPT, BODY}
    assert 500 <= reply.code <= 599
    by_status = enhanced_status(reply) in {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.1"}
    assert by_status or reply.code == 556 or NO_SUCH_ADDRESS.search(words(reply.text))


@given(ANY_REPLY)
def test_only_the_wire_after_the_body_leaves_an_outcome_unknown(reply: Reply) -> None:
    lost_with_body = reply.phase is BODY and reply.code == 0
    assert (classify(reply).kind is Kind.UNKNOWN) == lost_with_body


@given(ANY_REPLY)
def test_before_a_recipient_is_named_nothing_is_a_subscribers(reply: Reply) -> None:
    if reply.phase not in {RCPT, BODY}:
        assert classify(reply).whose is not Whose.SUBSCRIBER
