"""How a Postfix may be set up against us, and what has to come of it.

`TO_ONE` is what it says about one reader. `WAYS` is how it is with everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from faults_ledger import Fate, address
from faults_rules import (
    DEAD,
    GIVEN_UP,
    HELD,
    MAILED,
    OUT_OF_TIME,
    SENT,
    TRIED_OUT,
    TRIED_OUT_SOFT,
    TURNED_DOWN,
    WAITING,
    Ending,
)
from postfix import Door, answers

READERS = 12
STRUCK = 5
EXPIRES = timedelta(minutes=20)
CLOSED = "127.0.0.1:1"
"""A port on which nothing listens."""
ALL_KEYWORDS = "pipelining, size, vrfy, etrn, 8bitmime, dsn, smtputf8, chunking, enhancedstatuscodes"


def known(*unknown: int) -> Mapping[str, str]:
    """Give the setting by which Postfix knows all readers but these."""
    numbers = (number for number in range(1, READERS + 1) if number not in unknown)
    return {"virtual_mailbox_maps": answers({address(number): "here" for number in numbers})}


def says(what: str) -> Mapping[str, str]:
    """Give the setting by which it says something to one reader's mail."""
    return {"smtpd_recipient_restrictions": f"check_recipient_access {answers({address(STRUCK): what})}"}


def refuses(name: str, restriction: str = "reject", **more: str) -> Door:
    return Door(smtpd={f"smtpd_{name}_restrictions": restriction, **more})


@dataclass(frozen=True, kw_only=True)
class ToOne:
    """What Postfix does to one reader's mail, how that delivery ends, and the words that are kept."""

    door: Door
    fate: Fate
    words: str


TO_ONE = {
    "greylisted": ToOne(
        door=Door(smtpd=says("450 4.2.0 Greylisted")),
        fate=OUT_OF_TIME,
        words="450 4.2.0 <reader5@mail.example>: Recipient address rejected: Greylisted",
    ),
    "no such user, by a table": ToOne(
        door=Door(smtpd=says("550 5.1.1 no such user")),
        fate=DEAD,
        words="550 5.1.1 <reader5@mail.example>: Recipient address rejected: no such user",
    ),
    "unknown in its mailboxes": ToOne(
        door=Door(smtpd=known(STRUCK)),
        fate=DEAD,
        words="550 5.1.1 <reader5@mail.example>: Recipient address rejected: "
        "User unknown in virtual mailbox table",
    ),
    "unknown, but bounces are soft": ToOne(
        door=Door(smtpd={**known(STRUCK), "soft_bounce": "yes"}),
        fate=TRIED_OUT_SOFT,
        words="450 4.1.1 <reader5@mail.example>: Recipient address rejected: User unknown",
    ),
    "a full mailbox": ToOne(
        door=Door(smtpd=says("552 5.2.2 over quota")),
        fate=TRIED_OUT_SOFT,
        words="552 5.2.2 <reader5@mail.example>: Recipient address rejected: over quota",
    ),
    "421": ToOne(
        door=Door(smtpd=says("421 4.3.2 come back")),
        fate=OUT_OF_TIME,
        words="421 4.3.2 <reader5@mail.example>: Recipient address rejected: come back",
    ),
    "521, which hangs up": ToOne(
        door=Door(smtpd=says("521 5.7.1 not you")),
        fate=TURNED_DOWN,
        words="521 5.7.1 <reader5@mail.example>: Recipient address rejected: not you",
    ),
    "rejected without a word": ToOne(
        door=Door(smtpd=says("REJECT")),
        fate=TURNED_DOWN,
        words="554 5.7.1 <reader5@mail.example>: Recipient address rejected: Access denied",
    ),
    "deferred without a word": ToOne(
        door=Door(smtpd=says("DEFER")),
        fate=TRIED_OUT,
        words="450 4.7.1 <reader5@mail.example>: Recipient address rejected: Access denied",
    ),
    "a rule that it cannot follow": ToOne(
        door=Door(smtpd=says("check_recipient_access fail:table")),
        fate=TRIED_OUT,
        words="451 4.3.5 Server configuration error",
    ),
    "a header that it rejects": ToOne(
        door=Door(cleanup={"header_checks": "regexp:{ {/^To: reader5@/ REJECT} }"}),
        fate=TURNED_DOWN,
        words="550 5.7.1 message content rejected",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """How Postfix is with everybody: how deliveries end, and the words that an operator is told.

    `struck` are the fates that there have to be, and no others. `relay` is how we use it.
    """

    door: Door
    struck: frozenset[Fate] = frozenset({MAILED})
    ending: Ending = SENT
    words: str = ""
    relay: Mapping[str, object] = field(default_factory=dict)
    patience: timedelta | None = None
    expires: timedelta = EXPIRES


REFUSED_AT_FIRST = frozenset({TURNED_DOWN, WAITING})
UNTRIED = frozenset({WAITING})
LONG = timedelta(minutes=10)
"""Longer than a trouble has to last to be a matter of set-up."""
SHORT = timedelta(seconds=10)
DAY = timedelta(days=1)
"""Postfix's second is the world's, and ours may be over while it lasts."""
HOSTED = {"virtual_mailbox_domains": "mail.example, ledger.example"}
NOT_HOSTED = {"virtual_mailbox_domains": ""}

WAYS = {
    "as it should be": Way(door=Door()),
    "relays for nobody": Way(
        door=Door(rewrite=NOT_HOSTED),
        struck=REFUSED_AT_FIRST,
        ending=HELD,
        words="554 5.7.1 <reader{n}@mail.example>: Relay access denied",
    ),
    "relays for nobody yet": Way(
        door=Door(rewrite=NOT_HOSTED, smtpd={"smtpd_relay_restrictions": "defer_unauth_destination"}),
        struck=frozenset({TRIED_OUT}),
        words="454 4.7.1 <reader{n}@mail.example>: Relay access denied",
    ),
    "does not know our sender": Way(
        door=Door(smtpd={**known(), "smtpd_reject_unlisted_sender": "yes"}, rewrite=HOSTED),
        struck=REFUSED_AT_FIRST,
        ending=HELD,
        words="550 5.1.0 <bounces@ledger.example>: Sender address rejected: User unknown in virtual",
    ),
    "does not like our name": Way(
        door=refuses("helo", "check_helo_access static:REJECT"),
        struck=REFUSED_AT_FIRST,
        ending=HELD,
        words="Helo command rejected: Access denied",
    ),
    "does not like our host": Way(
        door=refuses("client"),
        struck=REFUSED_AT_FIRST,
        ending=HELD,
        words="Client host rejected: Access denied",
    ),
    "does not like our host, and says so at once": Way(
        door=refuses("client", smtpd_delay_reject="no"),
        struck=UNTRIED,
        ending=HELD,
        words="Client host rejected: Access denied",
        patience=LONG,
    ),
    "rejects our text": Way(
        door=Door(cleanup={"body_checks": "regexp:{ {/^Good morning/ REJECT} }"}),
        struck=REFUSED_AT_FIRST,
        ending=HELD,
        words="550 5.7.1 message content rejected",
    ),
    "finds our message too long": Way(
        door=Door(smtpd={"message_size_limit": "60"}),
        struck=REFUSED_AT_FIRST,
        ending=HELD,
        words="552 5.3.4 Error: message file too big",
    ),
    "has a milter that is away": Way(
        door=Door(smtpd={"smtpd_milters": f"inet:{CLOSED}", "milter_default_action": "tempfail"}),
        struck=frozenset({OUT_OF_TIME}),
        words="451 4.7.1 Service unavailable - try again later",
    ),
    "has a milter that is away, and refuses": Way(
        door=Door(smtpd={"smtpd_milters": f"inet:{CLOSED}", "milter_default_action": "reject"}),
        struck=UNTRIED,
        ending=HELD,
        words="554 relay.example ESMTP not accepting connections",
        patience=LONG,
    ),
    "has a content filter that is away": Way(
        door=Door(smtpd={"smtpd_proxy_filter": CLOSED}),
        struck=frozenset({TRIED_OUT}),
        words="451 4.3.0 Error: queue file write error",
    ),
    "has a policy service that is away": Way(
        door=refuses("recipient", f"check_policy_service inet:{CLOSED}", smtpd_policy_service_try_limit="1"),
        struck=frozenset({TRIED_OUT}),
        words="451 4.3.5 <reader{n}@mail.example>: Recipient address rejected: Server configuration problem",
    ),
    "has a full disk": Way(
        door=Door(smtpd={"queue_minfree": "2000000000000"}),
        struck=UNTRIED,
        ending=GIVEN_UP,
        words="452 4.3.1 Insufficient system storage",
        patience=SHORT,
    ),
    "has a mailbox table that fails": Way(
        door=Door(smtpd={"virtual_mailbox_maps": "fail:table"}),
        struck=frozenset({TRIED_OUT}),
        words="451 4.3.0 <reader{n}@mail.example>: Temporary lookup failure",
    ),
    "offers nothing": Way(
        door=Door(
            smtpd={
                "smtpd_discard_ehlo_keywords": ALL_KEYWORDS,
                "smtpd_data_restrictions": "reject_unauth_pipelining",
            }
        ),
    ),
    "offers pipelining, and looks whether it may be used": Way(
        door=refuses("data", "reject_unauth_pipelining"),
    ),
    "takes one connection at a time": Way(
        door=Door(smtpd={"smtpd_client_connection_count_limit": "1"}),
    ),
    "takes one connection a second": Way(
        door=Door(smtpd={"smtpd_client_connection_rate_limit": "1"}),
        relay={"messages_per_connection": 6},
    ),
    "takes ten messages a second": Way(
        door=Door(smtpd={"smtpd_client_message_rate_limit": "10"}),
        expires=DAY,
    ),
    "takes ten recipients a second": Way(
        door=Door(smtpd={"smtpd_client_recipient_rate_limit": "10"}),
        expires=DAY,
    ),
    "hangs up after a mistake": Way(
        door=Door(smtpd={**known(3, 8), "smtpd_hard_error_limit": "1"}),
        struck=frozenset({MAILED, DEAD}),
    ),
    "counts resets as mistakes": Way(
        door=Door(
            smtpd={**known(3, 4, 5, 8), "smtpd_junk_command_limit": "1", "smtpd_hard_error_limit": "3"}
        ),
        struck=frozenset({MAILED, DEAD}),
    ),
    "wants TLS, and gets none": Way(
        door=Door(smtpd={"smtpd_tls_security_level": "encrypt"}),
        struck=UNTRIED,
        ending=HELD,
        words="530 5.7.0 Must issue a STARTTLS command first",
    ),
    "offers TLS without a certificate": Way(
        door=Door(smtpd={"smtpd_tls_security_level": "may"}),
        struck=UNTRIED,
        ending=HELD,
        words="454 4.7.0 TLS not available due to local problem",
        relay={"security": "starttls"},
        patience=LONG,
    ),
    "offers TLS, and its certificate is gone": Way(
        door=Door(smtpd={"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": "/nowhere.pem"}),
        struck=UNTRIED,
        ending=GIVEN_UP,
        words="handshake failure",
        relay={"security": "starttls"},
        patience=SHORT,
    ),
    "offers no TLS, and is asked for it": Way(
        door=Door(),
        struck=UNTRIED,
        ending=GIVEN_UP,
        words="STARTTLS",
        relay={"security": "starttls"},
        patience=SHORT,
    ),
    "has a password service that is away": Way(
        door=Door(
            smtpd={
                "smtpd_sasl_auth_enable": "yes",
                "smtpd_sasl_type": "dovecot",
                "smtpd_sasl_path": f"inet:{CLOSED}",
            }
        ),
        struck=UNTRIED,
        ending=GIVEN_UP,
        relay={"timeout": 1},
        patience=timedelta(seconds=3),
    ),
}
