"""Says what a mail that came back is, and whom it is about: bytes in, a value out.

Never raises, whatever it is given. Knows no subscriber, and nothing of how one is suppressed.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from digest.address import address_key
from digest.bounce import fields, judge, whom
from digest.bounce.judge import Judgement
from digest.bounce.mail import SENT_TO, STATUS_PARTS, Mail, taken_apart
from digest.bounce.parts import READ_OCTETS, TEXT_CHARACTERS, Fields
from digest.bounce.report import Kind, Recipient, Report, Verdict
from digest.bounce.signs import COMPLAINT_SUBJECT
from digest.bounce.written import bounce, is_daemons, written

_DISPOSITIONS = ("message/disposition-notification", "message/global-disposition-notification")
_RECIPIENT = re.compile(r"^(?:original|final)-recipient:", re.IGNORECASE | re.MULTILINE)
_DMARC_SUBJECT = re.compile(r"report domain:.{1,300}(submitter|report-id):", re.IGNORECASE)
# RFC 7489 7.2.1.1, RFC 8460 5.1: receiver!policy-domain!begin!end[!id].xml.gz
_DMARC_FILE = re.compile(
    r"[^!\s]{1,255}![^!\s]{1,255}!\d{1,14}!\d{1,14}\S{0,300}\.(xml|zip|gz|json)", re.IGNORECASE
)


def read(message: bytes) -> Report:
    """Read one mail. Of a long one the first mebibyte is looked at."""
    mail = taken_apart(message[:READ_OCTETS])
    found = _complaint(mail) or _machine_mail(mail) or _delivery_status(mail) or _disposition(mail)
    return _with_original(found or written(mail), mail)


def _complaint(mail: Mail) -> Report | None:
    """Read a complaint: RFC 5965, or the reports of Microsoft and SpamCop, which have no machine's part."""
    told = [fields.feedback(part.text) for part in mail.of(("message/feedback-report",))]
    if told:
        one = told[0]
        if not one.is_complaint:
            return Report(kind=Kind.NONE, reason=f"feedback report: {one.kind or 'of no type'}")
        return _complained(mail, one.addresses, one.kind)
    hotmail = mail.original.get("x-hmxmroriginalrecipient")
    if hotmail or COMPLAINT_SUBJECT.search(mail.subject):
        return _complained(mail, (hotmail,), "abuse")
    return None


def _complained(mail: Mail, told: Sequence[str], kind: str) -> Report:
    """Give a complaint about the addresses told, else about whom the returned message went to."""
    found = [whom.mailbox(one, mail.ours) for one in told] or [""]
    if not any(found):
        found = [whom.mailbox(mail.original.get("to"), mail.ours)]
    named = dict.fromkeys(address for address in found if address and not address.startswith("redacted"))
    recipients = tuple(
        Recipient(
            address=address, verdict=Verdict.HARD, reason="complaint", evidence=f"feedback report: {kind}"
        )
        for address in named
    )
    return Report(kind=Kind.COMPLAINT, reason=kind, recipients=recipients)


def _machine_mail(mail: Mail) -> Report | None:
    """Know the reports that receivers send to a domain's owner."""
    if _DMARC_SUBJECT.search(mail.subject) or any(_DMARC_FILE.fullmatch(part.name) for part in mail.parts):
        return Report(kind=Kind.NONE, reason="aggregate report (DMARC or TLS)")
    return None


def _delivery_status(mail: Mail) -> Report | None:
    """Read a delivery status (RFC 3464), also one that a gateway has made text of."""
    texts = [part.text[:TEXT_CHARACTERS] for part in mail.of(STATUS_PARTS)] or _in_text(mail)
    told = [one for text in texts for one in fields.deliveries(text)]
    wanted = [one for one in told if one.failed] or [one for one in told if one.delayed]
    if told and not wanted:
        return Report(kind=Kind.NONE, reason="delivery status: delivered or relayed")
    said = whom.sections(mail.words, mail.ours)
    recipients: dict[str, Recipient] = {}
    for one in wanted[: whom.RECIPIENTS]:
        address = next((found for each in one.addresses if (found := whom.mailbox(each, mail.ours))), "")
        if address:
            beside = whom.about(said, address, mail.words if len(wanted) == 1 else "")
            judged = _judged(one, beside)
            recipients.setdefault(address_key(address), judge.recipient(address, judged))
    if not recipients:
        # X.400's names, and local ones, are no addresses: perhaps the text has them.
        return bounce(mail, []) if wanted and wanted[0].failed else None
    return Report(kind=Kind.BOUNCE if wanted[0].failed else Kind.DELAY, recipients=tuple(recipients.values()))


def _in_text(mail: Mail) -> list[str]:
    """Give the delivery status that stands in a system's text, from the paragraph that names a recipient."""
    found = _RECIPIENT.search(mail.words) if is_daemons(mail) else None
    return [mail.words[mail.words.rfind("\n\n", 0, found.start()) + 1 :]] if found else []


def _judged(one: fields.Delivery, beside: str) -> Judgement:
    """Judge by the diagnosis and the status; where they say nothing, by what is written for people."""
    judged = judge.of_reply(one.diagnostic, one.status)
    if not judged.is_sure or not one.diagnostic:
        written = judge.of_section(beside)
        if not judged.is_sure and written.is_sure:
            judged = written
        elif not judged.evidence:
            judged = replace(judged, evidence=written.evidence)
    if one.delayed and judged.verdict is Verdict.HARD:
        judged = judge.softened(judged, "delayed")
    return replace(judged, status=one.status or judged.status, evidence=judged.evidence or one.diagnostic)


def _disposition(mail: Mail) -> Report | None:
    """Read a disposition (RFC 8098): a receipt, save where a system says that it rejected the mail."""
    for part in mail.of(_DISPOSITIONS):
        told = Fields(part.text)
        if "automatic-action" in told.get("disposition").lower() and "reject" in (
            mail.subject + mail.opening
        ):
            return bounce(mail, [told.get("final-recipient")])
        return Report(kind=Kind.NONE, reason="receipt (RFC 8098)")
    return None


def _with_original(report: Report, mail: Mail) -> Report:
    """Add where the report went to, and what tells the message that it is about."""
    sent_to = (whom.mailbox(value) for name in SENT_TO for value in mail.headers.all(name))
    return replace(
        report,
        sender=whom.mailbox(mail.headers.get("from")),
        sent_to=tuple(dict.fromkeys(address for address in sent_to if address)),
        message_id=mail.original.get("message-id"),
        delivery=mail.original.get("x-digest-delivery"),
        unsubscribe=mail.original.get("list-unsubscribe"),
    )
