"""What is known about mail services: how fast they may be fed, their own headers, what they rewrite.

Values alone. Nobody's opens or clicks are tracked by this program, so a preset's headers switch the service's
own tracking off; they are the service's documented ones.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A service's defaults. What the configuration says itself wins over every one of them."""

    rate: float = 0
    """Messages a second over all processes; 0 for no limit."""
    connections: int = 10
    """Open at most, for each process."""
    messages_per_connection: int = 500
    headers: tuple[tuple[str, str], ...] = ()
    """What the service reads from a message and takes out of it."""
    unsigned: frozenset[str] = frozenset()
    """Fields that the service replaces, in lower case: a DKIM signature of ours must leave them out."""
    envelope: str = ""
    """Why an envelope of our own for each message does not do what it is for there, in one sentence."""

    def headers_beside(self, own: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Give the preset's headers that are not among the operator's own, by name in any case."""
        given = {name.lower() for name in own}
        return tuple((name, text) for name, text in self.headers if name.lower() not in given)


PLAIN = Preset()
"""A relay that nothing is known about."""

_OWN_RETURN_PATH = "{} puts a return path of its own on every message: its webhook alone tells of bounces."

_OFF = {"settings": {"enable": 0}}

PRESETS: Mapping[str, Preset] = {
    # 14 a second is what an account gets as it leaves the sandbox (1 a second until then); the console shows
    # its own. SES asks not to keep connections for long, and writes Message-ID and Date anew. It tracks only
    # where a configuration set says so, which no header can undo.
    "ses": Preset(
        rate=14,
        messages_per_connection=100,
        unsigned=frozenset({"date", "message-id"}),
        envelope="Amazon SES refuses such addresses unless their domain is verified there, and forwards "
        "bounces to them only while email feedback forwarding is enabled.",
    ),
    # Newsletters go through the stream for broadcasts. Without X-PM-KeepID the Message-ID would be replaced.
    "postmark": Preset(
        headers=(
            ("X-PM-Message-Stream", "broadcast"),
            ("X-PM-TrackOpens", "false"),
            ("X-PM-TrackLinks", "None"),
            ("X-PM-KeepID", "true"),
        ),
        envelope=_OWN_RETURN_PATH.format("Postmark"),
    ),
    "mailgun": Preset(
        headers=(
            ("X-Mailgun-Track", "no"),
            ("X-Mailgun-Track-Clicks", "no"),
            ("X-Mailgun-Track-Opens", "no"),
        ),
        envelope=_OWN_RETURN_PATH.format("Mailgun"),
    ),
    # Beside tracking, what else would write into the message: an unsubscribe link, Analytics' parameters.
    "sendgrid": Preset(
        headers=(
            (
                "X-SMTPAPI",
                json.dumps(
                    {
                        "filters": {
                            "clicktrack": _OFF,
                            "opentrack": _OFF,
                            "subscriptiontrack": _OFF,
                            "ganalytics": _OFF,
                        }
                    }
                ),
            ),
        ),
        envelope=_OWN_RETURN_PATH.format("SendGrid"),
    ),
    # 2,000 messages a day from Workspace, 500 from a private account: at one a second that lasts half an
    # hour. Several connections at once, or many messages over one, are taken for abuse.
    "gmail": Preset(
        rate=1,
        connections=2,
        messages_per_connection=100,
        envelope="Gmail puts the account's address there, so that bounces come to the account's mailbox.",
    ),
    # Of our own, nearby: it queues what it takes. Debian's Postfix has a hundred smtpd processes for all.
    "postfix": Preset(connections=20, messages_per_connection=1000),
}
"""The services by the name that `provider` takes."""
