"""What Amazon SES says in SNS's envelopes: classic notifications, and the events of a configuration set."""

from collections.abc import Mapping
from dataclasses import replace

from digest.bounce.fields import COMPLAINTS
from digest.bounce.report import Kind, Report
from digest.hooks.event import (
    CONTENT,
    FULL,
    HARD,
    LISTED,
    OPEN,
    OUR_SETUP,
    SOFT,
    TOO_LARGE,
    Event,
    Failure,
    event,
    failed,
    report,
    unknown,
)
from digest.hooks.item import Item, UnreadableError, load
from digest.hooks.sns import Envelope, Type

NAME = "ses"

TYPES: Mapping[str, Failure] = {"Permanent": HARD, "Transient": SOFT, "Undetermined": OPEN}
"""What a `bounceType` means."""

SUBTYPES: Mapping[tuple[str, str], Failure | Kind] = {
    ("Permanent", "Suppressed"): LISTED,
    ("Permanent", "OnAccountSuppressionList"): LISTED,
    ("Permanent", "OnTenantSuppressionList"): LISTED,
    ("Permanent", "UnsubscribedRecipient"): Kind.UNSUBSCRIBE,
    ("Transient", "MailboxFull"): FULL,
    ("Transient", "MessageTooLarge"): TOO_LARGE,
    ("Transient", "ContentRejected"): CONTENT,
    ("Transient", "AttachmentRejected"): CONTENT,
}
"""What a `bounceSubType` says beside its type."""

IGNORED = frozenset({"Send", "Delivery", "Open", "Click"})
"""Events that are not booked: every message has them."""


def read(envelope: Envelope) -> tuple[Event, ...]:
    """Read what a proved envelope of SNS holds: one event, or none that is booked."""
    if envelope.type is Type.SUBSCRIPTION:
        return ()
    if envelope.type is Type.UNSUBSCRIPTION:
        return (event(NAME, envelope.id, unknown(NAME, envelope.type.value), envelope.fields),)
    try:
        told = Item(load(envelope.message))
    except UnreadableError:
        # As SNS itself writes when a topic is set up: a sentence.
        told = Item(None)
    name = told.text("eventType") or told.text("notificationType")
    if name in IGNORED:
        return ()
    feedback = told.item(name.lower()).text("feedbackId")
    return (event(NAME, feedback or envelope.id, _report(name, told), envelope.fields),)


def _report(name: str, told: Item) -> Report:
    mail, reports = told.item("mail"), {"Bounce": _bounce, "Complaint": _complaint, "Subscription": _leaving}
    if name in reports:
        made = reports[name](told.item(name.lower()), mail)
    elif name in {"Reject", "Rendering Failure"}:
        said = told.item("reject").text("reason") or told.item("failure").text("errorMessage")
        made = report(OUR_SETUP, mail.texts("destination"), reason="", said=said)
    elif name == "DeliveryDelay":
        delay = told.item("deliveryDelay")
        made = report(Kind.DELAY, _whom(delay, "delayedRecipients", mail), reason=delay.text("delayType"))
    else:
        made = unknown(NAME, name)
    headers = {one.text("name").lower(): one.text("value") for one in mail.items("headers")}
    return replace(
        made,
        # The envelope's sender, which with VERP names the subscriber.
        sent_to=tuple(filter(None, [mail.text("source")])),
        # What we called it: SES has given the message another Message-ID.
        message_id=headers.get("message-id", "") or mail.item("commonHeaders").text("messageId"),
        delivery=headers.get("x-digest-delivery", ""),
        unsubscribe=headers.get("list-unsubscribe", ""),
    )


def _bounce(told: Item, mail: Item) -> Report:
    kind, subtype = told.text("bounceType"), told.text("bounceSubType")
    reason = f"{kind}/{subtype}"
    meant = SUBTYPES.get((kind, subtype), TYPES.get(kind, OPEN))
    if isinstance(meant, Kind):
        return report(meant, _whom(told, "bouncedRecipients", mail), reason=reason)
    answers = {one.text("emailAddress"): one for one in told.items("bouncedRecipients")}
    recipients = []
    for address in _whom(told, "bouncedRecipients", mail):
        answer = answers.get(address, Item(None))
        said = answer.text("diagnosticCode").removeprefix("smtp;").strip() or reason
        recipients.append(failed(address, meant, said, answer.text("status")))
    return Report(kind=Kind.BOUNCE, recipients=tuple(recipients))


def _complaint(told: Item, mail: Item) -> Report:
    kind = told.text("complaintFeedbackType")
    if kind and kind not in COMPLAINTS:
        return Report(kind=Kind.NONE, reason=f"feedback report: {kind}")
    reason = kind or told.text("complaintSubType") or "complaint"
    return report(Kind.COMPLAINT, _whom(told, "complainedRecipients", mail), reason=reason)


def _leaving(told: Item, mail: Item) -> Report:
    """Read a change of the preferences that SES keeps: whether it has somebody leave."""
    chosen = told.item("newTopicPreferences")
    statuses = {one.text("subscriptionStatus").lower() for one in chosen.items("topicSubscriptionStatus")}
    if chosen.is_true("unsubscribeAll") or "optout" in statuses:
        return report(Kind.UNSUBSCRIBE, mail.texts("destination"), reason=told.text("source"))
    return unknown(NAME, "Subscription")


def _whom(told: Item, name: str, mail: Item) -> list[str]:
    """Give whom something is about; where that names nobody, to whom the message went: one."""
    return [one.text("emailAddress") for one in told.items(name)] or mail.texts("destination")
