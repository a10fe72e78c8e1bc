"""From the wish to have another address to both mailboxes, over a real relay."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from press import KEYS, ON_SQLITE, Press, press

from digest.alerts import Alerts
from digest.links import LinkKind, read
from digest.model import Channel, Subscriber
from digest.service.postbox import Postbox
from digest.store import newaddress, preferences, subscribers
from digest.store.database import Store
from digest.store.newaddress import Outcome
from digest.store.subscribers import Visit

OLD, NEW = "reader1@mail.example", "new.address@mail.example"
VISIT = Visit(channel=Channel.PAGE)


async def post(room: Press) -> list[EmailMessage]:
    """Send what waits; give all that was mailed."""
    desk = room.desk()
    await Postbox(desk, Alerts(desk)).once()
    return [message_from_bytes(one.data, _class=EmailMessage, policy=policy.default) for one in room.mailed]


def body(letter: EmailMessage, kind: str) -> str:
    part = letter.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def reader(room: Press, email: str = OLD) -> Subscriber:
    with room.store.read() as session:
        found = subscribers.find(session, email)
    assert found is not None
    return found


@ON_SQLITE
async def test_the_new_address_is_asked_and_the_old_one_told(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        one = reader(room)
        with store.write() as session:
            newaddress.ask(session, one.id, NEW, VISIT, room.clock())
        [asks] = await post(room)
        assert (asks["To"], asks["List-Unsubscribe"]) == (NEW, None)
        base = f"{room.site.base}/p/"
        for kind in ("plain", "html"):
            assert body(asks, kind).count(base) == 1
            assert OLD not in body(asks, kind)
        token = body(asks, "plain").partition(base)[2].split()[0]
        link = read(token, KEYS)
        assert (link.kind, link.subscriber_id) == (LinkKind.CONFIRM, one.id)
        with store.write() as session:
            assert newaddress.confirm_change(session, link, VISIT, room.clock()) is Outcome.CHANGED
        *_, tells = await post(room)
        assert tells["To"] == OLD
        for kind in ("plain", "html"):
            text = body(tells, kind)
            assert "this is the last" in text.replace("\n", " ")
            # Whoever has the old mailbox learns neither the new address nor how to act for the reader.
            assert NEW not in text
            assert room.site.base + "/" not in text
        assert reader(room, NEW).address_version == one.address_version + 1


@ON_SQLITE
async def test_these_mails_speak_the_readers_language(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        one = reader(room)
        with store.write() as session:
            preferences.speak(session, one.id, "de", VISIT, room.clock())
            newaddress.ask(session, one.id, NEW, VISIT, room.clock())
        [asks] = await post(room)
        assert 'lang="de"' in body(asks, "html")
