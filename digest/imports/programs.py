"""The programs whose exports are known. A new one is a new entry, with a made-up sample in the tests."""

import re
from collections.abc import Collection, Mapping

from digest.imports.program import Cells, Program, Standing, UnknownStatusError, by_word, known

TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")


def _unsaid(_cells: Cells, _sheet: str) -> tuple[Standing, str]:
    return Standing.UNSAID, ""


PLAIN = Program(
    title="a CSV file",
    # The last three are how other programs call it.
    email=("email", "e-mail", "email address", "e-mail address"),
    names=(("name",),),
    since=("confirmed_at",),
    status=_unsaid,
)
"""A file of an operator's own: whether its readers consented, the operator says."""

_MAILPOET = {
    "subscribed": Standing.READING,
    # Whom it has stopped mailing since they opened nothing: they never left.
    "inactive": Standing.READING,
    "unconfirmed": Standing.UNCONFIRMED,
    "unsubscribed": Standing.LEFT,
    "bounced": Standing.BOUNCED,
}


def _mailpoet(cells: Cells, _sheet: str) -> tuple[Standing, str]:
    """Read both of its statuses: who is subscribed to anything may yet have left the list in question."""
    standing, word = known(cells("global status") or cells("global_status"), _MAILPOET)
    of_list = (cells("list status") or cells("list_status")).casefold()
    if standing is Standing.READING and of_list and of_list != "subscribed":
        return known(of_list, _MAILPOET)
    return standing, word


_CLEANED, _UNSUBSCRIBED, _OTHERS, _SUBSCRIBED = "cleaned", "unsubscribed", "nonsubscribed", "subscribed"
_COMPLAINT = re.compile(r"abuse|spam|complain", re.IGNORECASE)


def _mailchimp_sheet(name: str, columns: Collection[str]) -> str:
    """Say which of its files this is: it exports each status apart, the rows do not repeat it."""
    start = name.rpartition("/")[2].casefold()
    if "clean_time" in columns or start.startswith("cleaned"):
        return _CLEANED
    if "unsub_time" in columns or start.startswith("unsubscribed"):
        return _UNSUBSCRIBED
    return _OTHERS if start.startswith(("nonsubscribed", "non-subscribed")) else _SUBSCRIBED


def _mailchimp(cells: Cells, sheet: str) -> tuple[Standing, str]:
    if sheet == _UNSUBSCRIBED and _COMPLAINT.search(cells("unsub_reason")):
        return Standing.COMPLAINED, "complained"
    return {
        _CLEANED: Standing.BOUNCED,
        _UNSUBSCRIBED: Standing.LEFT,
        _OTHERS: Standing.NEVER,
        _SUBSCRIBED: Standing.READING,
    }[sheet], sheet


def _ghost(cells: Cells, _sheet: str) -> tuple[Standing, str]:
    if cells("deleted_at"):
        return Standing.LEFT, "deleted"
    wants = cells("subscribed_to_emails").casefold()
    if wants in TRUE:
        return Standing.READING, "subscribed"
    if wants in FALSE:
        return Standing.LEFT, "unsubscribed"
    raise UnknownStatusError("it does not say whether it is subscribed to emails")


def _substack(cells: Cells, _sheet: str) -> tuple[Standing, str]:
    """Read whether mail is switched off; the dashboard's own export lists those alone who get it."""
    off = cells("email_disabled").casefold() in TRUE
    return (Standing.LEFT, "email disabled") if off else (Standing.READING, "subscribed")


PROGRAMS: Mapping[str, Program] = {
    "mailpoet": Program(
        title="MailPoet",
        email=("email",),
        names=(("first name", "first_name"), ("last name", "last_name")),
        since=("confirmation time", "confirmed_at", "subscription time", "created_at"),
        needs=(("global status", "global_status"),),
        lists=("list",),
        status=_mailpoet,
        escape="\\",
    ),
    "mailchimp": Program(
        title="Mailchimp",
        email=("email address", "email"),
        names=(("first name", "fname"), ("last name", "lname")),
        since=("confirm_time", "optin_time"),
        left=("clean_time", "unsub_time"),
        needs=(("optin_time", "confirm_time"),),
        status=_mailchimp,
        sheet=_mailchimp_sheet,
        members=re.compile(
            r"(?:.*/)?(?:subscribed|unsubscribed|cleaned|non-?subscribed)[^/]*\.csv", re.IGNORECASE
        ),
    ),
    "listmonk": Program(
        title="listmonk",
        email=("email",),
        names=(("name",),),
        since=("created_at",),
        left=("updated_at",),
        needs=(("status",),),
        status=by_word(
            ("status",),
            {
                "enabled": Standing.READING,
                "disabled": Standing.LEFT,
                "blocklisted": Standing.BLOCKED,
                "blacklisted": Standing.BLOCKED,
            },
        ),
    ),
    "ghost": Program(
        title="Ghost",
        email=("email",),
        names=(("name",),),
        since=("created_at",),
        left=("deleted_at",),
        needs=(("subscribed_to_emails",),),
        status=_ghost,
    ),
    "substack": Program(
        title="Substack",
        email=("email",),
        names=(("name",),),
        since=("created_at", "subscription date"),
        needs=(("email_disabled", "subscription type"),),
        status=_substack,
        members=re.compile(r"(?:.*/)?(?:email_list|subscribers)[^/]*\.csv", re.IGNORECASE),
    ),
    "buttondown": Program(
        title="Buttondown",
        email=("email_address", "email", "email address"),
        names=(("name", "metadata.name"),),
        since=("creation_date", "created_at"),
        left=("unsubscription_date", "undeliverability_date"),
        needs=(("type", "subscriber_type"),),
        status=by_word(
            ("type", "subscriber_type"),
            {
                **dict.fromkeys(
                    ("regular", "premium", "trialed", "unpaid", "gifted", "churning", "churned", "past_due"),
                    Standing.READING,
                ),
                # On hold is what they pay for; the letters go on.
                "paused": Standing.READING,
                "unactivated": Standing.UNCONFIRMED,
                "unsubscribed": Standing.LEFT,
                "removed": Standing.LEFT,
                "undeliverable": Standing.BOUNCED,
                "complained": Standing.COMPLAINED,
                "spammy": Standing.BLOCKED,
                "blocked": Standing.BLOCKED,
            },
        ),
        members=re.compile(r"(?:.*/)?(?:un)?subscribers[^/]*\.csv", re.IGNORECASE),
    ),
    "digest": Program(
        title="digest",
        email=("email",),
        names=(("name",),),
        since=("confirmed_at", "created_at"),
        left=("left_at",),
        needs=(("state",),),
        status=by_word(
            ("state",),
            {
                "active": Standing.READING,
                "pending": Standing.UNCONFIRMED,
                "unsubscribed": Standing.LEFT,
                "suppressed": Standing.BLOCKED,
            },
        ),
    ),
}
"""By the name under which `--from` knows them."""
