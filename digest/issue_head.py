"""Writes the header fields that are the same in every message of an issue. Knows no subscriber."""

import re

from digest.errors import RenderError
from digest.headers import LINE, fold, one_line, phrase, unstructured, uri
from digest.model import IssueHeaders

# One address that may stand in a header as it is: a dot-atom, perhaps of UTF-8 (RFC 6532 3.2), at an A-label.
ADDRESS = re.compile(
    r"[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\"(),:;<>@\[\\\]]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
)

# RFC 2919 2: a dot-atom, here one that is also a host's name.
_LIST_ID = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")

_FIELD_NAME = re.compile(r"[A-Za-z0-9-]{1,70}")

# Google's Feedback Loop: the sender's id and up to three more.
_FEEDBACK_FIELDS = 4

# What only an answer or a forwarded message may begin with; `re:Invent` is a title.
_REPLY_MARK = re.compile(r"(?:(?:re|fwd?)(?:\[[0-9]+\])?:(?: |\Z))+", re.IGNORECASE)

# Fields that we write, or that a relay or DKIM writes, or that would add a recipient.
_TAKEN = re.compile(
    "from|to|cc|bcc|sender|reply-to|subject|date|message-id|x-digest-delivery|in-reply-to|references"
    "|mime-version|content-.*|resent-.*|return-path|received|dkim-signature|arc-.*"
    "|list-(?:unsubscribe|unsubscribe-post|id|help|archive)"
    "|feedback-id|auto-submitted|x-auto-response-suppress",
    re.IGNORECASE,
)


def honest_subject(text: str) -> str:
    """Give a subject on one line, without a Re: or Fwd: that answers nothing.

    Raises RenderError where nothing is left.
    """
    subject = _REPLY_MARK.sub("", one_line(text), count=1)
    if not subject:
        raise RenderError(f"The subject is empty, as rendered: {text!r}.")
    return subject


def who_and_what(subject: str, headers: IssueHeaders) -> bytes:
    """Give From, Reply-To and Subject (RFC 5322 3.6)."""
    fields = [_mailbox("From", headers.sender_name, headers.sender_address)]
    if headers.reply_to:
        fields.append(_mailbox("Reply-To", "", headers.reply_to))
    fields.append(unstructured("Subject", subject))
    return b"".join(fields)


def list_fields(headers: IssueHeaders) -> bytes:
    """Give what tells providers and robots what this mail is, and the operator's own fields.

    RFC 8058, RFC 2919, RFC 2369, RFC 3834 5; List-Unsubscribe itself differs per subscriber.
    """
    if not _LIST_ID.fullmatch(headers.list_id):
        raise RenderError(f"{headers.list_id!r} is no list id: a name like daily.ledger.example is needed.")
    if headers.feedback_id.count(":") >= _FEEDBACK_FIELDS:
        raise RenderError(f"Feedback-ID has at most {_FEEDBACK_FIELDS} fields: {headers.feedback_id!r}.")
    list_name = phrase(headers.list_name, LINE - len("List-Id: "))
    fields = [
        fold("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        fold("List-Id", f"{list_name} <{headers.list_id}>"),
        fold("List-Help", f"<{uri(headers.help_url)}>"),
        fold("Feedback-ID", headers.feedback_id),
        fold("Auto-Submitted", "auto-generated"),
        fold("X-Auto-Response-Suppress", "OOF, AutoReply"),
    ]
    if headers.archive_url:
        fields.insert(3, fold("List-Archive", f"<{uri(headers.archive_url)}>"))
    fields += [_extra(name, value) for name, value in headers.extra]
    return b"".join(fields)


def _mailbox(field: str, name: str, address: str) -> bytes:
    """Give a field of one mailbox (RFC 5322 3.4)."""
    if not (address.isascii() and ADDRESS.fullmatch(address)):
        raise RenderError(
            f"{address!r} cannot stand in the header {field}: one address of plain ASCII is needed."
        )
    shown = phrase(name, LINE - len(field) - 2)
    return fold(field, f"{shown} <{address}>" if shown else address)


def _extra(name: str, value: str) -> bytes:
    """Give a field of the operator's, where it can do no harm."""
    if not _FIELD_NAME.fullmatch(name):
        raise RenderError(f"{name!r} is no name for a header: letters, digits and hyphens are.")
    if _TAKEN.fullmatch(name):
        raise RenderError(f"The header {name} is written by digest: remove it from mail.headers.")
    if not value.strip():
        raise RenderError(f"The header {name} has no value: give one, or remove it from mail.headers.")
    return fold(name, value)
