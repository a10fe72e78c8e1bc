"""What relays and mailbox providers say, by what it means. Data for the table in `delivery/reply.py`.

A new phrase is one line. Patterns meet lower-case text on one line, without addresses (a reader's may hold
any word) and without status codes. A gap in a pattern is bounded and stops at the end of a clause.
"""

import re
from re import Pattern


def phrases(*alternatives: str) -> Pattern[str]:
    """Make one pattern of many phrases, each a regular expression."""
    return re.compile("|".join(f"(?:{alternative})" for alternative in alternatives))


# Evidence that an address does not exist. "Recipient rejected" and "mailbox unavailable" are none.
NO_SUCH_ADDRESS = phrases(
    r"\b(user|recipient|mailbox|address|addressee|account|alias|local ?part) (is )?(un|not )known",
    r"\b(unknown|no such|invalid|bad destination|not a valid|not a known|nonexistent|non-existent)"
    r" (or \w+ )?(local |virtual |smtp |e-?mail )?(user|recipient|mailbox|address|account|alias|person)",
    r"\b(user|recipient|mailbox|address|account|alias)\b[^.;:]{0,60}"
    r"(does not|doesn't|do not|don't|no longer) exists?",
    r"\b(user|recipient|mailbox|account|address) (was |could )?not (be )?found",
    r"\b(user|recipient|mailbox|account|address)\b[^.;:]{0,20} no longer (valid|in use|with us)",
    r"recip(ient)?notfound|nosuchuser",
    r"user doesn't have an? \S{1,40} account",
    r"no (mailbox|account)( here)? (by|with|for) (that|this) (name|user)",
    r"recipient [^;]{0,40}domain (not found|does not exist)",
    r"unroute?able address",
    r"null ?mx|domain does not accept (e-?)?mail",
    r"(benutzer|empfänger) (ist )?unbekannt|unbekannter (benutzer|empfänger)|existiert nicht",
    r"(utilisateur|destinataire|adresse) inconnue?|n'existe pas",
    r"(usuario|destinatario) desconocido|(utente|destinatario) sconosciuto|nie istnieje",
)
# Our envelope, our host or our account: however it reads further, it is no evidence about an address.
OUR_SENDER = phrases(
    r"sender (address |domain |verif\w* )?(is )?(rejected|fail\w*|denied|unknown)",
    r"sender (address |domain )?(is )?not (found|verified|allowed)",
    r"(invalid|unknown|bad|unauthenticated) sender",
    r"\b(helo|ehlo)\b|client host|client (was )?not authenticated|sending (ip|host|server|account)",
    r"envelope[- ]from|return[- ]path|\bmail from\b",
    r"\byour (mail ?|sending )?(domain|ip|server|host\w*|account|address)\b",
)
RELAYING_DENIED = phrases(r"relay(ing)? (access )?(is )?(denied|not (permitted|allowed))|unable to relay")
POLICY = phrases(
    RELAYING_DENIED.pattern,
    r"\bspam|unsolicited|\bbulk\b|junk|phish|virus|malware|\bcontent\b",
    r"block ?list|black ?list|deny ?list|\bblocked\b|\bbanned\b|\brbl\b|dnsbl|spamhaus|barracudacentral",
    r"reputation|complaint|\bpolicy|\bpolicies\b",
    r"\bspf\b|\bdkim\b|\bdmarc\b|\bptr\b|reverse dns|\brdns\b|authenticat|unauthori[sz]ed|\bsender",
)
MAILBOX_FULL = phrases(
    r"\b(mailbox|inbox|account|storage|recipient|user)\b[^.;:]{0,30} (full|exceed\w*)\b",
    r"over ?-?quota|exceed\w* (the |its |his |their )?(mailbox |storage |disk )?quota|quota exceeded",
    r"exceeded storage allocation|mailbox size limit|insufficient (mailbox )?(space|storage)",
)
DISABLED = phrases(
    r"\b(account|mailbox|user|recipient|address)\b[^.;:]{0,60}"
    r"\b(disabled|inactive|deactivated|suspended|locked|closed|expired)\b",
    r"(disabled|inactive|suspended|deactivated) (account|mailbox|user|recipient|address)",
)
# RFC 5321's own words for 550, for an unknown address and for policy alike (section 4.2.3).
SAYS_NOTHING = phrases(r"requested (mail )?action not taken: mailbox unavailable")

MESSAGES_PER_CONNECTION = phrases(
    r"too many (messages|mails|transactions)[^.;:]{0,20} (connection|session)",
    r"(message|transaction)s?( limit)? ?(per|in|for)[- ](this |one |a )?(connection|session)",
)
TOO_FAST = phrases(
    r"throttl|rate[- ]?limit|sending rate|slow down|too (fast|quickly)|unexpected volume|unusual rate",
    r"\brate\b[^.;:]{0,40} (limit|exceed)|(limit|exceed)\w*[^.;:]{0,40}\brate\b|relay limit exceeded",
    r"too many (messages|mails|emails|requests)",
)
OF_REPUTATION = phrases(r"\brate\b|reputation|complaint|unsolicited|volume|server busy")
# A limit on what one reader receives is no limit on what we send.
OF_A_MAILBOX = phrases(r"mailbox|recipient|\buser you are trying")
OUR_QUOTA = phrases(
    r"(daily|monthly|hourly) (message |user |user sending |sending |sending message |e-?mail )?(quota|limit)",
    r"sending (quota|limit)|submissionquota|(plan|message|messaging) (quota|limits?) exceeded",
    r"exceeded your (\w+ )?(messaging|sending|plan|daily|hourly|monthly|e-?mail) (limits?|quota)",
    r"max(imum)? (credits|e-?mails|messages) (exceeded|per (hour|day|month))|credits exceeded",
)
# The same words as of a full mailbox: ours where no recipient has been named yet.
ACCOUNT_QUOTA = phrases(r"quota (was |is |has been )?exceeded|exceed\w*[^.;:]{0,20} quota|over quota")
GREYLIST = phrases(r"gr[ea]y-? ?list|postgrey")
TRY_AGAIN = phrases(r"(try|retry|come back)[^.;:]{0,20} (again|later)|\bretry\b|temporarily deferred")
# The relay's own trouble with looking an address up.
LOOKUP_TROUBLE = phrases(
    r"temporary lookup failure|server configuration|internal (server )?error|queue file write",
    r"address verification|unverified address|callout",
)
