"""What bounces say of the one they did not reach, by what it means. Data; a new phrase is one line.

Patterns meet lower-case text. What relays answer stands in `delivery/phrases.py`, and is used here too. Gaps
are bounded: a hostile mail must not cost more than its length.
"""

from dataclasses import dataclass
from re import Pattern

from digest.bounce.report import Verdict
from digest.delivery.phrases import (
    DISABLED,
    GREYLIST,
    MAILBOX_FULL,
    NO_SUCH_ADDRESS,
    OUR_QUOTA,
    RELAYING_DENIED,
    TOO_FAST,
    phrases,
)


@dataclass(frozen=True, kw_only=True)
class Saying:
    """What a sentence of a bounce means; the first that matches counts."""

    verdict: Verdict
    reason: str
    said: Pattern[str]
    unless: Pattern[str] | None = None


_OF_NOW = phrases(r"try again|temporar\w+|will (be )?retr(y|ied)|timed? ?out|servfail")

SAYINGS = (
    Saying(verdict=Verdict.OURS, reason="our account's quota", said=OUR_QUOTA, unless=MAILBOX_FULL),
    Saying(
        verdict=Verdict.OURS,
        reason="message too large",
        said=phrases(
            r"(exceed\w*|larger than|above)[^.;:]{0,40}\b(message|mail) size",
            r"message (is )?(too (big|large)|size exceeds)|message length exceeds|(message|mail) size limit",
            r"max\w* (message|mail) size",
            r"nachricht (ist )?zu gro(ss|ß)",
        ),
    ),
    Saying(
        verdict=Verdict.SOFT,
        reason="mailbox full",
        said=phrases(
            MAILBOX_FULL.pattern,
            r"(mail ?folder|mail ?box|inbox)[^.;:]{0,30} (is )?full",
            r"(postfach|mailspeicher)[^.;:]{0,30} (voll|überfüllt)",
            r"\bfull (mailbox|inbox)|mailbox has grown|too much mail stored",
            r"(disk|mail|mailbox|storage|user's?) quota|quota (exceed|violat|limit)\w*",
            r"exceed\w*[^.;:]{0,30} quota",
            r"over[- ]?quota|\bquota exceeded|exdiskquota",
            r"(\bnot|n't)( have)? enough (disk |storage )?(space|storage)",
            r"too many messages on the server|space has been used up|space not enough|no space left",
            r"out of (storage|disk) space|storage (space )?(is )?full",
            r"(boîte|boite)[^.;:]{0,40} (pleine|saturée)|buzón[^.;:]{0,40} lleno|casella[^.;:]{0,20} piena",
            r"speicherplatz[^.;:]{0,40} (überschritten|erschöpft)|ящик[^.;:]{0,20} переполнен",
        ),
    ),
    Saying(
        verdict=Verdict.OURS,
        reason="policy or reputation",
        said=phrases(
            RELAYING_DENIED.pattern,
            r"unable to relay( for)?|not accepting (e-?)?mail from|not allowed to send|permission to send",
            r"\bspam\w*|unsolicited|phish\w*|\bvirus (was |has been )?(found|detected)|infected|malware",
            r"block ?list\w*|black ?list\w*|deny ?list\w*|\bblocked\b|\bbanned\b|\brbl\b|dnsbl|spamhaus",
            r"\bspf\b|\bdkim\b|\bdmarc\b|reverse dns|\brdns\b|reputation",
            r"rejected (due to|by|for) (its )?(content|policy)",
            r"(content|policy|security) (filter|violation|restriction|reasons)|administrative prohibition",
            r"authenticat\w+ (required|failed)|restricted to|only accepts? (messages|mail) from",
            r"(invalid|bogus|unroutable|empty envelope) (sender|mail from)s?|domain of sender|\bbatv\b",
            r"sender[^.;:]{0,30} (rejected|fail\w*|not (found|pre-approved|verified|allowed))",
            r"is not verified",
            r"(delivery )?not authori[sz]ed|dynamic ip|no access from|your hostname|user complaints",
            r"do not relay",
            r"accepting mail from|recipient preferences|user reject\b",
            r"too many (connections|recipients|sessions)|banned content",
            r"attachment[^.;:]{0,40} not (allowed|permitted)|(messages|mails)\b[^.;]{0,40} are not accepted",
            r"(mail|messages?) (is |are )?not accepted (here|from)|rcpthosts|\bgo away\b|mass[- ]mail",
            r"(due to|by) (organi[sz]ation\w*|compan\w+|local|admin\w*) (settings?|polic\w+|rules?)",
            r"(\bnot|\bnon)[- ](subscribed|members?\b)|members?[- ]only|closed (mailing )?list|gateway user",
            r"from your (country|region|network|host|domain|server|ip)|access denied\b[^;]{0,20}\bip\b",
            r"backscatter|open proxy|server of your isp|illegal attachment|do not accept (messages|mail)",
            r"([ée]metteur|exp[ée]diteur)[^.;:]{0,30} (invalide|refusé|rejeté|inconnu)",
            r"absender[^.;:]{0,30} (abgelehnt|ungültig|unbekannt|nicht (akzeptiert|erlaubt))",
        ),
    ),
    Saying(verdict=Verdict.OURS, reason="we sent too fast", said=TOO_FAST),
    Saying(verdict=Verdict.SOFT, reason="greylisted", said=GREYLIST),
    Saying(
        verdict=Verdict.HARD,
        reason="no such domain",
        said=phrases(
            r"(unknown|no such|invalid|bad|non-?existent) (destination )?(host|domain|destination system)",
            r"(host|domain)( or domain)?( name)? (is )?(unknown|not found|does(n't| not) exist)",
            r"(host|domain|recipient's domain) [^\s;:]{1,80} (not found|does not exist|doesn't exist)",
            r"couldn't find any host (named|by that name)|no mail server (for|found)",
            r"unroute?able mail domain",
            r"domain must exist|nxdomain|domain doesn't (exist|accept)",
            r"all relevant mx records point to non-existent hosts",
            r"domäne? (existiert nicht|unbekannt|nicht gefunden)|domaine (inconnu|inexistant)",
        ),
        unless=_OF_NOW,
    ),
    Saying(
        verdict=Verdict.HARD,
        reason="no such address",
        said=phrases(
            NO_SUCH_ADDRESS.pattern,
            r"(unknown|no such|invalid|illegal|nonexistent|bad) (or (unknown|illegal|invalid|inactive) )?"
            r"(local |final delivery )?(user|recipient|mailbox|address|addressee|account|userid)",
            r"(user|recipient|addressee|account|mailbox)s?( name)?( is| was)? not (recognized|known|listed)",
            r"(user|recipient|addressee|account|mailbox)s?( name)?( [<(\[] [>)\]])?( is| was)? unknown",
            r"not listed in (the )?[^.;:]{0,40}(directory|address book)",
            r"no (mailbox|user|account)[^.;:]{0,10} (by|with|of|for) (that|this) name",
            r"not (a |our )?(valid|known|registered)[^.;:]{0,30} (user|address|recipient|mailbox)",
            r"did not exactly match",
            r"(address|user|account|mailbox)[^.;:]{0,40} no longer (valid|exist|active)",
            r"no longer (employed|works? (here|for))",
            r"address (is |was )?(wrong|incorrect|not found|could(n't| not) be found|does(n't| not) exist)",
            r"\b\S{1,80} (wasn't|was not|couldn't be|could not be) found (at|in|on) \S{1,80}",
            r"email address you entered (couldn't|could not) be found|user not found|no such person",
            r"does not have an? (final email delivery point|mailbox|account)",
            r"there is no (user|such|mailbox|account)",
            r"no matches to nameserver query|addressee unknown|non recensé",
            r"(adresse|adressat|empfänger|postfach|benutzer)[^.;:]{0,60} existiert nicht",
            r"(adresse|adressat|empfänger|postfach|benutzer)[^.;:]{0,60} nicht (gefunden|bekannt|vorhanden)",
            r"(adresse|adressat|empfänger|postfach|benutzer)[^.;:]{0,30} unbekannt",
            r"(adresse|utilisateur|destinataire|boîte)[^.;:]{0,80} (n'existe pas|inconnue?|introuvable)",
            r"(dirección|usuario|cuenta|destinatario)[^.;:]{0,60} (no existe|desconocid[oa])",
            r"(indirizzo|utente|casella)[^.;:]{0,60} (non esiste|inesistente|sconosciut[oa])",
            r"(address|mailbox|recipient|user)( is)? (invalid|not exist|not present|not active|not local)\b",
            r"not present in (the )?directory|in (the )?name directory|can't accept user",
            r"not an active address",
            r"destination addresses were unknown|not a local address|invalid-recipient|user ?unknown",
            r"recipient ?notfound|email name is not found|no ?one at this address|validrcptto",
            r"unknown local[- ]?part",
            r"no longer accepts? (e-?)?mail|no mail ?box (found|available)",
            r"non[- ]existent (user|address|mailbox)",
            r"(user|recipient|mailbox|account) \S{1,64} (was |is )?not found",
            r"[<(] [>)] ((is |was )?not found|(does not|doe?sn't) exist)|nessun utente",
            r"no existe (dicha|ese|esa|el|la|tal)\b",
            r"ディレクトリのリストにありません|invalid mailbox|пользователь не найден",
            r"нет такого пользователя",
            r"用户不存在|收件人不存在|ユーザーが見つかりません|宛先[^.;:]{0,20}存在しません",
        ),
    ),
    Saying(
        verdict=Verdict.SOFT,
        reason="connection trouble",
        said=phrases(
            r"(can(no|')t|could(n't| not)|wasn't able to|(un|fail)\w+ to) (connect|establish|contact|reach)",
            r"connection (was )?(refused|closed|timed? ?out|reset|lost|failed|dropped)",
            r"connection to [^.;]{0,60} failed",
            r"not respond\w*|no answer from|no route to host|network (is )?unreachable|not reachable",
            r"host unreachable",
            r"timed? ?out|queue too long|too long in (the )?queue",
            r"(message|delivery|queue|mail)\b[^.;:]{0,40} expired|closed (the )?connection",
            r"maximum-time|could not find a gateway|unavailable or busy|try again|temporar\w+|retry time",
        ),
    ),
    Saying(
        verdict=Verdict.HARD,
        reason="address disabled",
        said=phrases(
            DISABLED.pattern,
            r"(account|mailbox|user|address)[^.;:]{0,60} (discontinued|terminated)",
            r"mailbox is frozen|extended inactivity|boîte du destinataire archivée",
            r"boite du destinataire archivee",
            r"(konto|postfach|account)[^.;:]{0,40} (deaktiviert|gesperrt|geschlossen|stillgelegt)",
            r"(compte|boîte)[^.;:]{0,40} (désactivée?|fermée?|suspendue?)",
            r"cuenta[^.;:]{0,30} (desactivada|suspendida)",
        ),
    ),
    Saying(
        verdict=Verdict.SOFT,
        reason="mail loop",
        said=phrases(r"too many hops|loop(ing|s)?\b|hop count exceeded"),
    ),
)
"""Sentences written for people. What a mailbox says of itself stands before what may be about us, and policy
before a dead address: a mail that says both suppresses nobody."""
