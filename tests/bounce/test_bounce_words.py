"""The table of phrases: a case for what each says. What relays answer is tested in tests/delivery."""

import pytest

from digest.bounce.judge import of_reply, of_section, of_words
from digest.bounce.parts import Fields, parts, split
from digest.bounce.report import Verdict

HARD, SOFT, OURS = Verdict.HARD, Verdict.SOFT, Verdict.OURS

WORDS = [
    ("You have exceeded your daily sending quota", OURS, "our account's quota"),
    ("This mail message has exceeded the maximum incoming message size.", OURS, "message too large"),
    ("RCPT TO: max message size exceeded", OURS, "message too large"),
    ("Mail size limit exceeded", OURS, "message too large"),
    ("Messages without Date: fields are not accepted here", OURS, "policy or reputation"),
    ("the account does not have enough space", SOFT, "mailbox full"),
    ("BAD_RECIPIENT, see our pages", HARD, "no such address"),
    ("The user's mailfolder is full.", SOFT, "mailbox full"),
    (
        "User's Disk Quota Exceeded. Sorry, your intended recipient has too much mail stored",
        SOFT,
        "mailbox full",
    ),
    ("recipient reached disk quota", SOFT, "mailbox full"),
    ("Das Postfach des Empfängers ist voll", SOFT, "mailbox full"),
    ("La boîte aux lettres du destinataire est pleine", SOFT, "mailbox full"),
    ("El buzón del destinatario está lleno", SOFT, "mailbox full"),
    ("they are not accepting mail from news@ledger.example", OURS, "policy or reputation"),
    ("Your message was classified as spam; user unknown", OURS, "policy or reputation"),
    ("rejected due to content", OURS, "policy or reputation"),
    ("Your group only accepts messages from people in its organization", OURS, "policy or reputation"),
    ("Too many connections", OURS, "policy or reputation"),
    ("too many sessions from 192.0.2.7", OURS, "policy or reputation"),
    ("returned mail is not accepted here", OURS, "policy or reputation"),
    ("bounced due to organizational settings", OURS, "policy or reputation"),
    ("a non-member wrote to a list of members only", OURS, "policy or reputation"),
    ("Connections from your country are refused", OURS, "policy or reputation"),
    ("our backscatter protection found an expired address", OURS, "policy or reputation"),
    ("Émetteur invalide", OURS, "policy or reputation"),
    ("Absender nicht akzeptiert", OURS, "policy or reputation"),
    ("Please slow down", OURS, "we sent too fast"),
    ("Greylisted for five minutes", SOFT, "greylisted"),
    ("unknown host", HARD, "no such domain"),
    ("Domain does not exist", HARD, "no such domain"),
    ("Host not found, try again", SOFT, "connection trouble"),
    ("not listed in Domino Directory", HARD, "no such address"),
    ("The recipient name is not recognized", HARD, "no such address"),
    ("mara wasn't found at harbour.example", HARD, "no such address"),
    ("the address couldn't be found, or is unable to receive mail", HARD, "no such address"),
    ("this email address is wrong or no longer valid", HARD, "no such address"),
    ("Der Empfänger ist unbekannt", HARD, "no such address"),
    ("L'adresse de messagerie ci-dessus n'existe pas", HARD, "no such address"),
    ("El usuario no existe", HARD, "no such address"),
    ("L'indirizzo non esiste", HARD, "no such address"),
    ("Такого ящика: пользователь не найден", HARD, "no such address"),
    ("收件人不存在", HARD, "no such address"),
    ("address not present in directory", HARD, "no such address"),
    ("recipient is not local", HARD, "no such address"),
    ("there is no one at this address", HARD, "no such address"),
    ("this address no longer accepts mail", HARD, "no such address"),
    ("this recipient is not in my validrcptto list", HARD, "no such address"),
    ("user mara was not found", HARD, "no such address"),
    ("<mara@harbour.example> not found", HARD, "no such address"),
    ("user (mara@harbour.example) unknown", HARD, "no such address"),
    ("rcpt (mara@harbour.example) dosn't exist", HARD, "no such address"),
    ("No existe dicha persona", HARD, "no such address"),
    ("ディレクトリのリストにありません", HARD, "no such address"),
    ("the mailbox is frozen", HARD, "address disabled"),
    ("user has too many messages on the server", SOFT, "mailbox full"),
    ("domain of sender address news@ledger.example does not exist", OURS, "policy or reputation"),
    ("Refused due to recipient preferences", OURS, "policy or reputation"),
    ("Email address is not verified", OURS, "policy or reputation"),
    ("This account has been disabled or discontinued", HARD, "address disabled"),
    ("Das Konto wurde deaktiviert", HARD, "address disabled"),
    ("The message to this recipient has expired", SOFT, "connection trouble"),
    ("The recipient's server unexpectedly closed the connection", SOFT, "connection trouble"),
    ("Host corel.example is not responding", SOFT, "connection trouble"),
    ("Too many hops 26 (25 max)", SOFT, "mail loop"),
    ("Grund unbekannt", SOFT, "no reason told"),
    ("Your message could not be delivered", SOFT, "no reason told"),
]


@pytest.mark.parametrize(("text", "verdict", "reason"), [pytest.param(*case, id=case[0]) for case in WORDS])
def test_a_sentence_is_judged(text: str, verdict: Verdict, reason: str) -> None:
    judged = of_words(text)
    assert (judged.verdict, judged.reason) == (verdict, reason)


REPLIES = [
    ("550 5.1.1 User unknown", "5.0.0", HARD, "the reply's own status counts"),
    ("", "5.1.1", HARD, "a status alone"),
    ("", "5.7.1", OURS, "a policy's status alone"),
    ("", "5.2.2", SOFT, "a full mailbox's status alone"),
    ("", "5.0.0", SOFT, "a status that says nothing"),
    ("550 no", "5.0.0", SOFT, "a refusal without a reason"),
    (
        "550 5.7.1 <a@b.example>: blocked using zen.spamhaus.org",
        "5.1.1",
        OURS,
        "a block list under another status",
    ),
    ("550 5.7.1 No mailbox found", "5.7.1", HARD, "an unknown address under a policy's status"),
    ("Sender not pre-approved", "4.7.0", OURS, "a policy that is for now"),
    ("550 5.4.4 Host or domain name not found", "5.4.4", HARD, "a domain that is not there"),
    ("451 4.1.2 Domain not found", "4.1.2", SOFT, "a lookup that failed for now"),
    ("550 5.2.1 mailbox disabled", "5.2.1", HARD, "a disabled mailbox"),
    ("554 rejected (in reply to end of DATA command)", "5.0.0", OURS, "a text that is refused"),
]


@pytest.mark.parametrize(
    ("text", "status", "verdict"), [pytest.param(*case[:3], id=case[3]) for case in REPLIES]
)
def test_a_diagnosis_is_judged(text: str, status: str, verdict: Verdict) -> None:
    assert of_reply(text, status).verdict is verdict


def test_the_evidence_is_what_was_said_on_one_line() -> None:
    said = "host mx said: 550-5.1.1 no such user\n 550 5.1.1 here"
    assert of_reply(said).evidence == "host mx said: 550-5.1.1 no such user 550 5.1.1 here"


def test_a_number_that_is_no_reply_decides_nothing() -> None:
    assert of_section("call (480) 550-2500, 421 Main Street: user unknown").verdict is HARD


def body(head: str, octets: bytes) -> str:
    return parts(*split(head.encode() + b"\n\n" + octets))[0].text


@pytest.mark.parametrize(
    ("head", "octets", "text"),
    [
        ("Content-Type: text/plain; charset=iso-8859-1", b"Empf\xe4nger", "Empfänger"),
        ("Content-Type: text/plain; charset=nonsense", "Empfänger".encode(), "Empfänger"),
        ("Content-Type: text/plain; charset=utf-8", b"Empf\xe4nger", "Empfänger"),
        ("Content-Transfer-Encoding: quoted-printable", b"a=\nb =C3=A4", "ab ä"),
        ("Content-Transfer-Encoding: base64", b"YWJj\nZGU", "abcde"),
        ("Content-Type: text/html", b"<style>p {}</style>a<br>b &lt;c@d.example&gt;", "a\nb <c@d.example>"),
    ],
)
def test_a_text_is_decoded(head: str, octets: bytes, text: str) -> None:
    assert body(head, octets) == text


def test_encoded_words_of_a_folded_subject_are_joined() -> None:
    fields = Fields("Subject: =?utf-8?B?RGVsaXZlcnkgZmFp?=\n =?utf-8?Q?lure_notice?=")
    assert fields.get("SUBJECT") == "Delivery failure notice"
