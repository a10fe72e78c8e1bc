"""What each service's events mean, by its own documented classes."""

import json

import pytest
from hook_posts import (
    MESSAGE_ID,
    NOW,
    ROSA,
    SECRET,
    TOPIC,
    VERP,
    Json,
    mailgun,
    mailgun_event,
    octets,
    postmark,
    sendgrid,
    ses_bounce,
    ses_complaint,
    ses_mail,
    sns,
    sparkpost,
    suppressed,
)

from digest.bounce.report import Kind, Report, Verdict
from digest.hooks import mailgun as from_mailgun
from digest.hooks import postmark as from_postmark
from digest.hooks import sendgrid as from_sendgrid
from digest.hooks import ses as from_ses
from digest.hooks import sns as from_sns
from digest.hooks import sparkpost as from_sparkpost
from digest.hooks.event import Event

HARD, SOFT, OURS = Verdict.HARD, Verdict.SOFT, Verdict.OURS


def of_ses(told: Json | str, **more: object) -> tuple[Event, ...]:
    return from_ses.read(from_sns.read(octets(sns(told, **more)), [TOPIC]))  # type: ignore[arg-type] # as the test says


def of_mailgun(told: Json) -> tuple[Event, ...]:
    return from_mailgun.read(octets(mailgun(told)), SECRET, NOW).events


def only(events: tuple[Event, ...]) -> Report:
    (event,) = events
    return event.report


def verdict(report: Report) -> tuple[Verdict, str]:
    """How a bounce about Rosa was judged, and its status."""
    assert report.kind is Kind.BOUNCE
    (one,) = report.recipients
    assert one.address == ROSA
    return one.verdict, one.status


@pytest.mark.parametrize(
    ("kind", "subtype", "recipient", "judged"),
    [
        ("Permanent", "General", {}, (HARD, "")),
        (
            "Permanent",
            "General",
            {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"},
            (HARD, "5.1.1"),
        ),
        ("Permanent", "NoEmail", {}, (HARD, "")),
        (
            "Permanent",
            "Suppressed",
            {"diagnosticCode": "Amazon SES has suppressed sending to it"},
            (HARD, ""),
        ),
        ("Permanent", "OnAccountSuppressionList", {}, (HARD, "")),
        (
            "Permanent",
            "General",
            {"diagnosticCode": "smtp; 554 5.7.1 blocked using spamhaus"},
            (OURS, "5.7.1"),
        ),
        ("Permanent", "General", {"diagnosticCode": "smtp; 552 5.2.2 mailbox full"}, (SOFT, "5.2.2")),
        ("Transient", "General", {}, (SOFT, "")),
        ("Transient", "MailboxFull", {"status": "4.2.2"}, (SOFT, "4.2.2")),
        ("Transient", "MessageTooLarge", {}, (OURS, "")),
        ("Transient", "ContentRejected", {"status": "5.6.0"}, (OURS, "5.6.0")),
        ("Transient", "AttachmentRejected", {}, (OURS, "")),
        ("Transient", "CustomTimeoutExceeded", {}, (SOFT, "")),
        ("Undetermined", "Undetermined", {}, (SOFT, "")),
        ("Undetermined", "Undetermined", {"diagnosticCode": "smtp; 550 5.1.1 user unknown"}, (HARD, "5.1.1")),
        ("Unheard-of", "Of", {}, (SOFT, "")),
    ],
)
@pytest.mark.parametrize("name", ["eventType", "notificationType"])
def test_a_bounce_of_ses_is_judged_by_its_type_and_by_the_answer(
    name: str, kind: str, subtype: str, recipient: dict[str, str], judged: tuple[Verdict, str]
) -> None:
    assert verdict(only(of_ses(ses_bounce(kind, subtype, name=name, **recipient)))) == judged


def test_an_event_of_ses_tells_our_own_marks_and_has_its_feedback_id_for_a_key() -> None:
    (event,) = of_ses(ses_bounce("Permanent", "General"))
    assert event.key == "ses:0000014644fe5ef6-bounce"
    assert event.report.message_id == event.report.delivery == MESSAGE_ID
    assert event.report.unsubscribe == "<https://news.ledger.example/u/x>"
    assert event.report.sent_to == (VERP,)
    assert json.loads(json.loads(event.raw)["Message"])["mail"]["destination"] == [ROSA]


@pytest.mark.parametrize(
    "more", [{}, {"complaintFeedbackType": "abuse"}, {"complaintSubType": "OnAccountSuppressionList"}]
)
def test_a_complaint_of_ses_names_who_complains(more: dict[str, str]) -> None:
    report = only(of_ses(ses_complaint(**more)))
    assert report.kind is Kind.COMPLAINT
    assert [one.address for one in report.recipients] == [ROSA]


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "other"])
def test_feedback_that_is_no_complaint_changes_nobody(kind: str) -> None:
    report = only(of_ses(ses_complaint(complaintFeedbackType=kind)))
    assert report.kind is Kind.NONE
    assert not report.recipients
    spark = only(from_sparkpost.read(octets([sparkpost("spam_complaint", fbtype=kind)])))
    assert spark.kind is Kind.NONE


@pytest.mark.parametrize(
    ("chosen", "kind"),
    [
        ({"unsubscribeAll": True}, Kind.UNSUBSCRIBE),
        (
            {"topicSubscriptionStatus": [{"topicName": "daily", "subscriptionStatus": "OptOut"}]},
            Kind.UNSUBSCRIBE,
        ),
        ({"topicSubscriptionStatus": [{"topicName": "daily", "subscriptionStatus": "OptIn"}]}, Kind.NONE),
        ({}, Kind.NONE),
    ],
)
def test_preferences_that_ses_keeps_may_have_a_reader_leave(chosen: Json, kind: Kind) -> None:
    told = {
        "eventType": "Subscription",
        "mail": ses_mail(),
        "subscription": {"source": "UnsubscribeHeader", "newTopicPreferences": chosen},
    }
    report = only(of_ses(told))
    assert report.kind is kind
    assert [one.address for one in report.recipients] == ([ROSA] if kind is Kind.UNSUBSCRIBE else [])


def test_what_ses_refused_to_send_is_ours_and_what_waits_is_a_delay() -> None:
    reject = {"eventType": "Reject", "mail": ses_mail(), "reject": {"reason": "Bad content"}}
    assert verdict(only(of_ses(reject))) == (OURS, "")
    waits = {"delayType": "MailboxFull", "delayedRecipients": [{"emailAddress": ROSA}]}
    delay = only(of_ses({"eventType": "DeliveryDelay", "mail": ses_mail(), "deliveryDelay": waits}))
    assert (delay.kind, delay.reason) == (Kind.DELAY, "MailboxFull")


def test_a_recipient_that_left_by_the_list_of_ses_leaves_here() -> None:
    assert only(of_ses(ses_bounce("Permanent", "UnsubscribedRecipient"))).kind is Kind.UNSUBSCRIBE


@pytest.mark.parametrize("name", ["Send", "Delivery", "Open", "Click"])
def test_what_every_message_has_is_not_booked(name: str) -> None:
    assert of_ses({"eventType": name, "mail": ses_mail()}) == ()
    assert from_postmark.read(octets({"RecordType": name})) == () or name == "Send"
    assert from_sendgrid.read(octets([{"event": "delivered"}, {"event": "open"}])) == ()
    assert of_mailgun(mailgun_event("delivered")) == ()
    assert from_sparkpost.read(octets([sparkpost("delivery"), sparkpost("open", "track_event")])) == ()


def test_what_no_documentation_names_is_booked_as_none() -> None:
    for events in (
        of_ses({"eventType": "Novelty", "mail": ses_mail()}),
        of_ses("Successfully validated SNS topic for Amazon SES event publishing."),
        of_ses("", kind="UnsubscribeConfirmation"),
        from_postmark.read(octets({"RecordType": "Novelty"})),
        from_postmark.read(octets(postmark("Novelty"))),
        from_postmark.read(octets(suppressed("HardBounce", "Recipient", suppress=False))),
        of_mailgun(mailgun_event("novelty")),
        from_sendgrid.read(octets([sendgrid("novelty")])),
        from_sparkpost.read(octets([sparkpost("novelty")])),
        from_sparkpost.read(octets([sparkpost("bounce", bounce_class="80")])),
    ):
        report = only(events)
        assert report.kind is Kind.NONE
        assert not report.recipients


POSTMARK = {
    "HardBounce": (Kind.BOUNCE, HARD),
    "BadEmailAddress": (Kind.BOUNCE, HARD),
    "SoftBounce": (Kind.BOUNCE, SOFT),
    "DnsError": (Kind.BOUNCE, SOFT),
    "Unknown": (Kind.BOUNCE, SOFT),
    "SpamNotification": (Kind.BOUNCE, OURS),
    "VirusNotification": (Kind.BOUNCE, OURS),
    "Blocked": (Kind.BOUNCE, OURS),
    "DMARCPolicy": (Kind.BOUNCE, OURS),
    "SMTPApiError": (Kind.BOUNCE, OURS),
    "Transient": (Kind.DELAY, HARD),
    "AutoResponder": (Kind.AUTO_REPLY, HARD),
    "ChallengeVerification": (Kind.AUTO_REPLY, HARD),
    "Unsubscribe": (Kind.UNSUBSCRIBE, HARD),
    "SpamComplaint": (Kind.COMPLAINT, HARD),
}


@pytest.mark.parametrize(("kind", "meant"), POSTMARK.items())
def test_a_bounce_of_postmark_is_judged_by_its_type(kind: str, meant: tuple[Kind, Verdict]) -> None:
    (event,) = from_postmark.read(octets(postmark(kind)))
    assert event.key == "postmark:4323372036854775807"
    (one,) = event.report.recipients
    assert (event.report.kind, one.verdict) == meant
    assert one.address == ROSA


def test_a_hard_bounce_of_postmark_whose_answer_blames_us_is_ours() -> None:
    said = "smtp;550 5.7.1 Message rejected due to its content policy"
    assert verdict(only(from_postmark.read(octets(postmark("HardBounce", Details=said))))) == (OURS, "5.7.1")


def test_a_complaint_of_postmark_brings_our_marks_where_its_content_does() -> None:
    content = (
        "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\n"
        "Feedback-Type: abuse\n\n--b\nContent-Type: message/rfc822\n\n"
        f"Message-ID: {MESSAGE_ID}\nX-Digest-Delivery: {MESSAGE_ID}\nSubject: News\n\nNews.\n--b--\n"
    )
    report = only(
        from_postmark.read(octets(postmark("SpamComplaint", RecordType="SpamComplaint", Content=content)))
    )
    assert report.kind is Kind.COMPLAINT
    assert report.delivery == report.message_id == MESSAGE_ID


@pytest.mark.parametrize(
    ("reason", "origin", "kind"),
    [
        ("HardBounce", "Recipient", Kind.BOUNCE),
        ("SpamComplaint", "Recipient", Kind.COMPLAINT),
        ("ManualSuppression", "Recipient", Kind.UNSUBSCRIBE),
        ("ManualSuppression", "Customer", Kind.UNSUBSCRIBE),
        ("ManualSuppression", "Admin", Kind.NONE),
    ],
)
def test_a_suppression_of_postmark_means_what_its_reason_says(reason: str, origin: str, kind: Kind) -> None:
    report = only(from_postmark.read(octets(suppressed(reason, origin))))
    assert report.kind is kind
    assert [one.address for one in report.recipients] == ([] if kind is Kind.NONE else [ROSA])


@pytest.mark.parametrize(
    ("told", "judged"),
    [
        ({"severity": "permanent", "reason": "bounce"}, (HARD, "5.1.1")),
        ({"severity": "permanent", "reason": "generic"}, (HARD, "5.1.1")),
        (
            {"severity": "permanent", "reason": "generic", "delivery-status": {"code": 550, "message": "no"}},
            (SOFT, ""),
        ),
        (
            {"severity": "permanent", "reason": "bounce", "delivery-status": {"bounce-type": "soft"}},
            (SOFT, ""),
        ),
        (
            {
                "severity": "permanent",
                "reason": "bounce",
                "delivery-status": {"code": 554, "message": "spam detected"},
            },
            (OURS, ""),
        ),
        (
            {"severity": "permanent", "reason": "suppress-bounce", "delivery-status": {"code": 605}},
            (HARD, ""),
        ),
        ({"severity": "permanent", "reason": "old", "delivery-status": {"code": 602}}, (SOFT, "")),
        ({"severity": "permanent", "reason": "espblock"}, (OURS, "5.1.1")),
    ],
)
def test_a_failure_of_mailgun_is_judged_by_its_reason_and_by_the_answer(
    told: Json, judged: tuple[Verdict, str]
) -> None:
    report = only(of_mailgun(mailgun_event("failed", **told)))
    assert verdict(report) == judged
    assert report.message_id == MESSAGE_ID.strip("<>")
    assert report.sent_to == (VERP,)


@pytest.mark.parametrize(
    ("name", "told", "kind"),
    [
        ("failed", {"severity": "temporary", "reason": "generic"}, Kind.DELAY),
        ("failed", {"severity": "permanent", "reason": "suppress-complaint"}, Kind.COMPLAINT),
        ("failed", {"severity": "permanent", "reason": "suppress-unsubscribe"}, Kind.UNSUBSCRIBE),
        ("complained", {}, Kind.COMPLAINT),
        ("unsubscribed", {}, Kind.UNSUBSCRIBE),
    ],
)
def test_an_event_of_mailgun_that_is_no_failure_for_good(name: str, told: Json, kind: Kind) -> None:
    (event,) = of_mailgun(mailgun_event(name, **told))
    assert event.report.kind is kind
    assert [one.address for one in event.report.recipients] == [ROSA]
    assert event.key == "mailgun:G9Bn5sl1TC6nu79C8C0bwg"


def test_what_mailgun_rejected_is_ours() -> None:
    told = mailgun_event("rejected", reject={"reason": "Sandbox subdomains are for test purposes only"})
    del told["delivery-status"]
    assert verdict(only(of_mailgun(told))) == (OURS, "")


@pytest.mark.parametrize(
    ("told", "judged"),
    [
        ({"type": "bounce"}, (HARD, "")),
        ({"type": "bounce", "status": "5.0.0", "reason": "500 unknown recipient"}, (HARD, "5.0.0")),
        ({"type": "bounce", "bounce_classification": "Invalid Address", "status": "5.1.1"}, (HARD, "5.1.1")),
        ({"type": "bounce", "bounce_classification": "Unclassified"}, (HARD, "")),
        ({"type": "bounce", "bounce_classification": "Mailbox Unavailable"}, (SOFT, "")),
        (
            {
                "type": "bounce",
                "bounce_classification": "Mailbox Unavailable",
                "reason": "550 5.1.1 no such user",
            },
            (HARD, "5.1.1"),
        ),
        ({"type": "bounce", "bounce_classification": "Technical Failure"}, (SOFT, "")),
        ({"type": "bounce", "bounce_classification": "Content"}, (OURS, "")),
        ({"type": "bounce", "bounce_classification": "Reputation"}, (OURS, "")),
        ({"type": "bounce", "bounce_classification": "Frequency or Volume Too High"}, (OURS, "")),
        ({"type": "bounce", "reason": "550 5.7.1 blocked by spam policy"}, (OURS, "5.7.1")),
        (
            {"type": "blocked", "bounce_classification": "Unclassified", "reason": "unable to get mx info"},
            (SOFT, ""),
        ),
        ({"type": "blocked", "bounce_classification": "Invalid Address"}, (SOFT, "")),
        ({"type": "blocked", "bounce_classification": "Reputation"}, (OURS, "")),
    ],
)
def test_a_bounce_of_sendgrid_is_judged_by_type_classification_and_answer(
    told: Json, judged: tuple[Verdict, str]
) -> None:
    report = only(from_sendgrid.read(octets([sendgrid("bounce", **told)])))
    assert verdict(report) == judged
    assert report.message_id == MESSAGE_ID


@pytest.mark.parametrize(
    ("name", "told", "kind"),
    [
        ("dropped", {"reason": "Unsubscribed Address"}, Kind.UNSUBSCRIBE),
        ("dropped", {"reason": "Spam Reporting Address"}, Kind.COMPLAINT),
        ("deferred", {"response": "400 try again later", "attempt": "5"}, Kind.DELAY),
        ("spamreport", {}, Kind.COMPLAINT),
        ("unsubscribe", {}, Kind.UNSUBSCRIBE),
        ("group_unsubscribe", {"asm_group_id": 10}, Kind.UNSUBSCRIBE),
    ],
)
def test_an_event_of_sendgrid_that_is_no_bounce(name: str, told: Json, kind: Kind) -> None:
    assert only(from_sendgrid.read(octets([sendgrid(name, **told)]))).kind is kind


@pytest.mark.parametrize(
    ("reason", "judged"),
    [
        ("Bounced Address", HARD),
        ("Invalid", HARD),
        ("Invalid SMTPAPI header", OURS),
        ("Spam Content (if Spam Checker app is enabled)", OURS),
        ("Recipient List over Package Quota", OURS),
    ],
)
def test_what_sendgrid_drops_is_judged_by_its_reason(reason: str, judged: Verdict) -> None:
    assert verdict(only(from_sendgrid.read(octets([sendgrid("dropped", reason=reason)])))) == (judged, "")


SPARKPOST = {
    **dict.fromkeys(["10", "30"], HARD),
    **dict.fromkeys(["1", "20", "21", "22", "24", "40", "70", "77"], SOFT),
    **dict.fromkeys(["23", "25", "26", "50", "51", "52", "53", "54"], OURS),
}


@pytest.mark.parametrize("kind", ["bounce", "out_of_band"])
@pytest.mark.parametrize(("number", "judged"), SPARKPOST.items())
def test_a_bounce_of_sparkpost_is_judged_by_its_class(kind: str, number: str, judged: Verdict) -> None:
    report = only(from_sparkpost.read(octets([sparkpost(kind, bounce_class=number, reason="550 no")])))
    assert verdict(report) == (judged, "")
    assert report.sent_to == (VERP,)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (sparkpost("bounce", bounce_class="60"), Kind.AUTO_REPLY),
        (sparkpost("bounce", bounce_class="90"), Kind.UNSUBSCRIBE),
        (sparkpost("bounce", bounce_class="100"), Kind.AUTO_REPLY),
        (sparkpost("delay", bounce_class="21"), Kind.DELAY),
        (sparkpost("spam_complaint", fbtype="abuse"), Kind.COMPLAINT),
        (sparkpost("spam_complaint", "feedback"), Kind.COMPLAINT),
        (sparkpost("list_unsubscribe", "unsubscribe_event"), Kind.UNSUBSCRIBE),
        (sparkpost("link_unsubscribe", "unsubscribe_event"), Kind.UNSUBSCRIBE),
        (sparkpost("policy_rejection", error_code="550"), Kind.BOUNCE),
    ],
)
def test_an_event_of_sparkpost_means_what_its_type_says(told: Json, kind: Kind) -> None:
    report = only(from_sparkpost.read(octets([told])))
    assert report.kind is kind
    assert [one.address for one in report.recipients] == [ROSA]


def test_a_batch_is_read_event_by_event_and_a_ping_is_none() -> None:
    events = from_sparkpost.read(octets([sparkpost("bounce"), sparkpost("delivery"), sparkpost("delay")]))
    assert [event.report.kind for event in events] == [Kind.BOUNCE, Kind.DELAY]
    assert len({event.key for event in events}) == 2
    assert from_sparkpost.read(octets([{"msys": {}}])) == ()
    assert from_sendgrid.read(b"[]") == ()


def test_an_event_without_an_id_is_known_by_its_content() -> None:
    told = sendgrid("spamreport")
    del told["sg_event_id"]
    first, again = from_sendgrid.read(octets([told, told]))
    (other,) = from_sendgrid.read(octets([told | {"email": "other@mail.example"}]))
    assert first.key == again.key != other.key
    assert first.key.startswith("sendgrid:")


def test_what_is_of_another_type_or_hostile_is_read_as_far_as_it_goes() -> None:
    told = sendgrid("bounce", reason=["550"], email={"not": "text"}, status="5.1.1\x00\ud800")
    report = only(from_sendgrid.read(octets([told, "no event", None, 7])))
    assert report.kind is Kind.BOUNCE
    assert not report.recipients
    nul = only(
        from_sendgrid.read(
            octets([sendgrid("bounce", reason="550 5.1.1 no\x00such\ud800 user " + "x" * 9999)])
        )
    )
    (one,) = nul.recipients
    assert "\x00" not in one.evidence
    one.evidence.encode()
    assert len(one.evidence) <= 300
