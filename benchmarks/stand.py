"""The installation that is measured: a real configuration, a real ledger, an issue of a wanted size."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from digest.config import load
from digest.desk import Desk
from digest.engine.composer import composer
from digest.links import new_key, parse_keys
from digest.model import Issue, Recipient, Rendering, Slot, slot_placeholder
from digest.publish.freeze import freeze
from digest.store import issues, subscribers
from digest.store.database import Store, analyze
from digest.store.schema import upgrade
from digest.store.subscribers import Newcomer

CHUNK = 1000
"""Subscribers added in a transaction, as an import does it."""
SLACK = 0.005
"""How far a message may be from the wanted size, as a share of it."""

CONFIG = """\
[site]
name = "The Harbour Ledger"
url = "https://ledger.example"
feeds = ["{feed}"]
timezone = "America/New_York"
postal_address = "12 Quay Street, Port Averell"
contact = "editor@ledger.example"

[[newsletter]]
name = "daily"
title = "The Daily Ledger"
schedule = "0 7 * * *"

[mail]
from = "The Harbour Ledger <news@ledger.example>"

[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
connections = {connections}
messages_per_connection = 1000000

[web]
public_url = "https://news.ledger.example"
port = {web}
verify = false
"""
NONCE = "0123456789abcdef"
WORDS = (
    "The ferry to the outer islands runs again on Monday, two weeks ahead of the date that the harbour "
    "board had given, and the first boat leaves at half past six in the morning. "
)
PARAGRAPH = f'<p style="margin: 0 0 16px; font: 16px/1.5 Georgia, serif; color: #222222">{WORDS * 2}</p>\n'


def write_config(
    folder: Path, *, port: int, connections: int, web: int = 8025, feed: str = "http://127.0.0.1:9/feed"
) -> Path:
    """Write config.toml and the key into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.toml"
    text = CONFIG.format(port=port, connections=connections, web=web, feed=feed)
    config.write_text(text, encoding="utf-8")
    key = folder / "secret.key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text(new_key() + "\n", encoding="utf-8")
    return config


def open_desk(folder: Path) -> Desk:
    """Open a folder's installation, making its database where there is none."""
    settings = load(folder / "config.toml", {})
    store = Store(settings.database_url)
    upgrade(store, datetime.now(UTC))
    keys = parse_keys(settings.secret_path.read_text(encoding="utf-8"))
    return Desk(settings=settings, store=store, keys=keys)


def relax(store: Store) -> None:
    """Let SQLite's writer wait for the disk at checkpoints alone: `synchronous=NORMAL`.

    It holds for the one connection that writes, and cannot be set within a transaction.
    """
    with store.connection() as connection:
        driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA synchronous=NORMAL")


def synchronous(store: Store) -> int:
    """Give how the writer waits for the disk: 1 is NORMAL, 2 is FULL."""
    with store.connection() as connection:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())


def copy(source: Path, target: Path, *, more: str = "") -> None:
    """Copy a closed installation into another folder; `more` is TOML for the end of its config.toml."""
    shutil.copytree(source, target)
    with (target / "config.toml").open("a", encoding="utf-8") as config:
        config.write(more)


def signing(folder: Path) -> str:
    """Make an RSA key of 2048 bits in a folder that need not exist yet; give the TOML that signs with it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder.with_suffix(".pem")
    path.touch(mode=0o600)
    path.write_bytes(pem)
    return f'\n[dkim]\nselector = "news"\nkey_file = "{path.absolute()}"\n'


def address(number: int) -> str:
    """Give the address of a subscriber, by number."""
    return f"reader{number}@mail{number % 7}.example"


def subscribe(desk: Desk, count: int) -> None:
    """Bring in so many active subscribers."""
    for first in range(0, count, CHUNK):
        numbers = range(first, min(first + CHUNK, count))
        newcomers = [Newcomer(email=address(number), newsletter="daily") for number in numbers]
        with desk.store.write() as session:
            subscribers.add(session, newcomers, desk.clock())
    analyze(desk.store)


def draft(desk: Desk, octets: int) -> Issue:
    """Open an issue due now, whose messages have about so many octets on the wire."""
    now = desk.clock().replace(microsecond=0)
    slot = Slot(name=now.strftime("%Y-%m-%dT%H:%M"), instant=now)
    with desk.store.write() as session:
        issue = issues.open_draft(session, "daily", slot, now)
        issues.save_rendering(session, issue.id, rendering(desk, octets), now)
    return issue


async def frozen(desk: Desk, octets: int) -> Issue:
    """Freeze an issue for everybody, as `digest send` does."""
    return await freeze(desk, desk.settings.newsletter_named("daily"), draft(desk, octets))


def compose(desk: Desk, made: Rendering) -> Callable[[Recipient, datetime], bytes]:
    """Give what makes the messages of a rendering, as the sender uses it."""
    return composer(
        desk.settings,
        desk.settings.newsletter_named("daily"),
        slot="2026-11-24T07:00",
        issue_id=1,
        rendering=made,
        keys=desk.keys,
        permanent_key=b"k" * 32,
        signing=desk.settings.signing_keys(),
    )


def recipient(number: int) -> Recipient:
    """Give a subscriber as the splice wants it."""
    joined = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=number % 200)
    return Recipient(id=number, email=address(number), since=joined)


def rendering(desk: Desk, octets: int) -> Rendering:
    """Make a rendering whose message has so many octets on the wire, give or take a two-hundredth."""
    low, high = 0, octets
    while low < high:
        middle = (low + high) // 2
        made = _rendering(middle)
        size = len(compose(desk, made)(recipient(1), desk.clock()))
        if abs(size - octets) <= octets * SLACK:
            return made
        low, high = (middle + 1, high) if size < octets else (low, middle)
    raise SystemExit(f"No message of {octets:,} octets can be made: its frame alone is larger.")


def _rendering(characters: int) -> Rendering:
    """Fill an issue with so many characters: four fifths of them as HTML."""
    in_html, in_text = characters * 4 // 5, characters // 5
    leave = slot_placeholder(NONCE, "unsubscribe_url")
    since = slot_placeholder(NONCE, "since", "today")
    story = (PARAGRAPH * (in_html // len(PARAGRAPH) + 1))[:in_html]
    plain = ("\n\n".join([WORDS.strip()] * (in_text // len(WORDS) + 1)))[:in_text]
    return Rendering(
        subject="The ferry runs again, and nine more stories",
        preheader="Two weeks ahead of the date",
        html=(
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Daily</title></head><body>\n'
            f'{story}\n<p>You read us since {since}. <a href="{leave}">Unsubscribe</a></p>\n</body></html>\n'
        ),
        text=f"{plain}\n\nYou read us since {since}.\nUnsubscribe: {leave}\n",
        nonce=NONCE,
    )
