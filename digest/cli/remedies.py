"""What a relay's refusal usually means for whoever sets it up. A table, read from the top; data alone."""

import re
from dataclasses import dataclass
from re import Pattern

from digest.delivery.phrases import OUR_SENDER, RELAYING_DENIED, phrases
from digest.model import Phase, Reply

_SENDERS = "or change [mail] envelope and from to an address it knows"


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One row: what it says where everything it names is so. What it does not name is free."""

    says: str
    phases: tuple[Phase, ...] = tuple(Phase)
    code: str = ""
    """A regular expression of the whole code; `0` is no reply."""
    text: Pattern[str] | None = None
    """Found in the reply, in lower case."""
    security: tuple[str, ...] = ("starttls", "tls", "none")
    """What the settings ask for."""
    ports: tuple[int, ...] = ()


CONNECT, TLS, AUTH = (Phase.CONNECT,), (Phase.CONNECT, Phase.TLS), (Phase.AUTH,)
ENVELOPE = (Phase.MAIL, Phase.RCPT)

REMEDIES = (
    Remedy(
        phases=CONNECT,
        code="0",
        text=phrases(r"not known", r"nodename nor", r"name resolution", r"no address"),
        says="No server has this name: check [smtp] host, and this computer's DNS.",
    ),
    Remedy(
        phases=CONNECT,
        code="0",
        text=phrases(r"refused|connect call failed"),
        says="Nothing listens there: check [smtp] host and port (587 with starttls, 465 with tls).",
    ),
    Remedy(
        phases=CONNECT,
        code="0",
        text=phrases(r"unreachable|no route"),
        says="This network does not lead there: check [smtp] host and this computer's firewall.",
    ),
    Remedy(
        phases=CONNECT,
        code="0",
        text=phrases(r"time|no reply"),
        ports=(465,),
        security=("starttls", "none"),
        says='A relay on port 465 speaks TLS from the start: set [smtp] security = "tls", or port = 587.',
    ),
    Remedy(
        phases=CONNECT,
        code="0",
        text=phrases(r"time|no reply"),
        ports=(25,),
        says="Hosting companies block port 25: use the relay's submission port, 587 or 2525.",
    ),
    Remedy(
        phases=CONNECT,
        code="0",
        text=phrases(r"time|no reply"),
        says="No answer: check [smtp] host and port, and whether a firewall is between (try 587, 2525).",
    ),
    Remedy(
        phases=TLS,
        code="0",
        text=phrases(r"certificate|hostname mismatch|ip address mismatch"),
        says="The relay's certificate does not prove its name: set [smtp] host to the name that it bears, "
        "or install the authority that signed it on this computer.",
    ),
    Remedy(
        phases=TLS,
        code="454",
        text=phrases(r"extension not supported"),
        says='The relay does not offer STARTTLS: set port = 465 with security = "tls"; '
        '"none" only for a relay on this computer.',
    ),
    Remedy(
        phases=TLS,
        code="0",
        text=phrases(r"wrong.version|record.layer|ssl|tls|eof|reset|closed|lost"),
        security=("tls",),
        says='The relay does not speak TLS from the start on this port: set security = "starttls", '
        "usual on 587, or port = 465.",
    ),
    Remedy(
        phases=TLS,
        code="0",
        text=phrases(r"closed|reset|lost|eof|disconnect"),
        says="The relay hung up: have its operator allow this computer's address, or set username.",
    ),
    Remedy(
        phases=AUTH,
        code="454",
        text=phrases(r"extension (?:is )?not supported|no suitable authentication"),
        says='The relay offers no login here: with security = "none" many hide it, so set "starttls"; '
        "a relay on this computer needs no username.",
    ),
    Remedy(
        phases=AUTH,
        code="53[04]|538",
        says='The relay takes this login only over TLS or in another form: set [smtp] security = "starttls", '
        "and see its manual for the password it wants.",
    ),
    Remedy(
        phases=AUTH,
        code=r"5\d\d",
        says="Wrong username or password: check [smtp] username and password_file or DIGEST_SMTP__PASSWORD. "
        "Many relays want a password made for SMTP, not the account's own.",
    ),
    Remedy(phases=AUTH, says="The relay could not check the login just now: try again in a few minutes."),
    Remedy(
        phases=ENVELOPE,
        code="530",
        text=phrases("starttls|tls"),
        says='The relay wants TLS first: set [smtp] security = "starttls".',
    ),
    Remedy(
        phases=ENVELOPE,
        code="530",
        says="The relay wants a login: set [smtp] username and password_file.",
    ),
    Remedy(
        phases=ENVELOPE,
        text=RELAYING_DENIED,
        says="The relay does not carry mail for us: set [smtp] username and password_file, "
        "or have its operator allow this computer's address.",
    ),
    Remedy(
        phases=(Phase.MAIL,),
        code=r"5\d\d",
        says=f"The relay does not accept our sender: verify its domain or address there, {_SENDERS}.",
    ),
    Remedy(
        phases=(Phase.RCPT,),
        code=r"5\d\d",
        text=phrases(OUR_SENDER.pattern, r"not verified|unverified|verify|identit"),
        says=f"The relay objects to our sender: verify its domain or address with the relay, {_SENDERS}. "
        "A new account may have to leave its sandbox first.",
    ),
    Remedy(
        phases=(Phase.RCPT,),
        code=r"5\d\d",
        says="The relay refuses this recipient: try another with --to. If it refuses all, ask its operator "
        "whether our address or domain is blocked.",
    ),
    Remedy(code=r"4\d\d", says="The relay says “later”: try again in a few minutes."),
    Remedy(code="0", says="The connection broke off: try again; if it stays so, ask the relay's operator."),
    Remedy(says="Ask the relay's operator what this reply means."),
)


def remedy(reply: Reply, *, port: int, security: str) -> str:
    """Give what to do about a reply that is no success."""
    text = reply.text.lower()
    return next(
        row.says
        for row in REMEDIES
        if reply.phase in row.phases
        and (not row.code or re.fullmatch(row.code, str(reply.code)))
        and (row.text is None or row.text.search(text))
        and (not row.ports or port in row.ports)
        and security in row.security
    )
