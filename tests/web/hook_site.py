"""The hooks of mail services, by the real server and a real store. What SNS is asked is answered here."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import httpx2
from hook_posts import (
    CERTIFICATE_URL,
    NOW,
    SECRET,
    TOPIC,
    Json,
    basic,
    certificate,
    mailgun,
    mailgun_event,
    octets,
    postmark,
    sendgrid,
    sendgrid_key,
    ses_bounce,
    ses_complaint,
    ses_mail,
    signed_by_sendgrid,
    sns,
    sparkpost,
    suppressed,
    verification_key,
)
from sqlmodel import select
from web_site import KEY, Site, serving

from digest.config import load
from digest.desk import Desk
from digest.message import message_id
from digest.model import SubscriberState
from digest.store import installation
from digest.store.database import Store
from digest.store.returned_tables import ReturnedRow
from digest.store.tables import SuppressionRow
from digest.web.asking import UnansweredError
from digest.web.desk import hooks
from digest.web.gates import Hooks

CONFIG = f"""
[site]
name = "The Harbour Ledger"
url = "https://ledger.example"
feeds = ["https://ledger.example/feed/"]
timezone = "UTC"
language = "en"
postal_address = "12 Quay Street, Port Averell"
contact = "editor@ledger.example"

[[newsletter]]
name = "daily"
title = "The Daily Ledger"
schedule = "0 7 * * *"

[[newsletter]]
name = "weekly"
title = "The Weekly Ledger"
schedule = "0 7 * * 0"

[mail]
from = "The Harbour Ledger <news@ledger.example>"

[web]
public_url = "https://news.ledger.example"

[bounces]
ses_topics = ["{TOPIC}"]
postmark_secret = "{SECRET}"
mailgun_key = "{SECRET}"
sendgrid_key = "{verification_key(sendgrid_key())}"
sparkpost_secret = "{SECRET}"
"""


@dataclass(kw_only=True)
class Aws:
    """Answers what is asked of SNS, and remembers what that was."""

    asked: list[str] = field(default_factory=list)
    answers: bool = True
    certificate: bytes = field(default_factory=certificate)

    async def ask(self, url: str) -> bytes:
        self.asked.append(url)
        if not self.answers:
            raise UnansweredError("ConnectError")
        return self.certificate if url == CERTIFICATE_URL else b"<ConfirmSubscriptionResponse/>"


@dataclass(frozen=True, kw_only=True)
class HookSite:
    site: Site
    aws: Aws

    async def post(self, service: str, posted: Json | list[Json] | bytes, **headers: str) -> httpx2.Response:
        """Post something as its service does, proved; `headers` replace what proves it."""
        body = posted if isinstance(posted, bytes) else octets(posted)
        proofs = {"sendgrid": signed_by_sendgrid(body), "postmark": basic(), "sparkpost": basic()}
        proof = headers or proofs.get(service, {})
        return await self.site.client.post(f"/hooks/{service}", content=body, headers=proof)

    def booked(self) -> list[ReturnedRow]:
        with self.site.store.read() as session:
            return list(session.exec(select(ReturnedRow).order_by("id")))

    def state(self) -> tuple[SubscriberState, list[str]]:
        """How Rosa stands, and what she reads."""
        rosa = self.site.subscriber()
        return rosa.state, sorted(rosa.newsletters)

    def everything(self) -> tuple[object, ...]:
        """All that a hook could change."""
        with self.site.store.read() as session:
            suppressed = len(session.exec(select(SuppressionRow)).all())
        return self.site.subscriber(), len(self.site.events()), len(self.booked()), suppressed

    def message_id(self) -> str:
        """The Message-ID of the daily's issue, as it went to Rosa."""
        with self.site.store.read() as session:
            key = installation.permanent_key(session)
        issue = self.site.daily.id
        return message_id(key=key, issue_id=issue, subscriber_id=self.site.rosa, domain="ledger.example")


def desk_of(store: Store, folder: Path, config: str = CONFIG) -> Desk:
    (folder / "config.toml").write_text(config, encoding="utf-8")
    return Desk(settings=load(folder / "config.toml", {}), store=store, keys=(KEY,), clock=_now)


def _now() -> datetime:
    return NOW


@contextlib.asynccontextmanager
async def hook_site(
    store: Store, folder: Path, change: Callable[[Hooks], Hooks] = lambda made: made, **pages: object
) -> AsyncIterator[HookSite]:
    """Serve the hooks over a store with one reader; `pages` are changes of the pages' values."""
    aws = Aws()
    made = change(replace(hooks(desk_of(store, folder)), ask=aws.ask))
    async with serving(store, lambda shown: replace(shown, hooks=made, **pages)) as site:  # type: ignore[arg-type] # as the test says
        yield HookSite(site=site, aws=aws)


DEAD: dict[str, Callable[[], Json | list[Json]]] = {
    "ses": lambda: sns(unmarked(ses_bounce("Permanent", "General"))),
    "postmark": lambda: postmark("HardBounce"),
    "mailgun": lambda: mailgun(unmarked(mailgun_event("failed", severity="permanent", reason="bounce"))),
    "sendgrid": lambda: [unmarked(sendgrid("bounce", type="bounce"))],
    "sparkpost": lambda: [unmarked(sparkpost("bounce", bounce_class="10"))],
}
"""How each service tells that Rosa's address is dead."""

COMPLAINT: dict[str, Callable[[], Json | list[Json]]] = {
    "ses": lambda: sns(unmarked(ses_complaint())),
    "postmark": lambda: postmark("SpamComplaint", RecordType="SpamComplaint"),
    "mailgun": lambda: mailgun(unmarked(mailgun_event("complained"))),
    "sendgrid": lambda: [unmarked(sendgrid("spamreport"))],
    "sparkpost": lambda: [unmarked(sparkpost("spam_complaint", fbtype="abuse"))],
}
"""How each tells that she complains."""

WISH: dict[str, Callable[[], Json | list[Json]]] = {
    "ses": lambda: sns(unmarked(_subscription())),
    "postmark": lambda: suppressed("ManualSuppression", "Recipient"),
    "mailgun": lambda: mailgun(unmarked(mailgun_event("unsubscribed"))),
    "sendgrid": lambda: [unmarked(sendgrid("unsubscribe"))],
    "sparkpost": lambda: [unmarked(sparkpost("list_unsubscribe", "unsubscribe_event"))],
}
"""How each tells that she wants out."""


def _subscription() -> Json:
    chosen = {"source": "UnsubscribeHeader", "newTopicPreferences": {"unsubscribeAll": True}}
    return {"eventType": "Subscription", "mail": ses_mail(), "subscription": chosen}


def unmarked(told: Json) -> Json:
    """Leave out what would name one of our messages: here it is another installation's."""
    text = json.dumps(told)
    for mark in ("7.42.abcdefghijklmnop@ledger.example", "bounces+7.42.1.abcdefghijklmnop@ledger.example"):
        text = text.replace(mark, "news@ledger.example")
    found: Json = json.loads(text)
    return found
