"""What the line works with: the settings, the ledger, the keys and the clock. Built once, passed along."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from digest.config import Newsletter, Settings, SigningKey
from digest.config.relays import MAIN, RelaySection
from digest.delivery.courier import Relay
from digest.delivery.domains import Limit
from digest.delivery.presets import PLAIN, PRESETS
from digest.links import Keys
from digest.slots import Schedule
from digest.store.database import Store
from digest.store.known import Known


def utc_now() -> datetime:
    """Give the time of the system's clock, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Everything that the stations of the line need."""

    settings: Settings
    store: Store
    keys: Keys
    clock: Callable[[], datetime] = utc_now

    @cached_property
    def signing(self) -> tuple[SigningKey, ...]:
        """The keys that sign every message, read once; none where the relay signs. Raises UsageError."""
        return self.settings.signing_keys()

    @cached_property
    def known(self) -> Known:
        """What came back and what was accepted, as last counted."""
        return Known()

    @property
    def relay(self) -> Relay:
        """The relay of [smtp] itself."""
        return self.relays[0]

    @property
    def relays(self) -> tuple[Relay, ...]:
        """Every relay as it is configured, that of [smtp] first."""
        smtp = self.settings.smtp
        return tuple(self._relay(name, keys) for name, keys in {MAIN: smtp, **smtp.relays}.items())

    def _relay(self, name: str, keys: RelaySection) -> Relay:
        preset = PRESETS.get(keys.provider, PLAIN)
        return Relay(
            name=name,
            host=keys.host,
            port=keys.port,
            security=keys.security,
            ca_file=str(self.settings.folder / keys.ca_file) if keys.ca_file else "",
            username=keys.username,
            password=keys.password.get_secret_value(),
            timeout=self.settings.smtp.timeout,
            connections=keys.connections,
            messages_per_connection=keys.messages_per_connection,
            rate=keys.rate,
            weight=keys.weight,
            headers=preset.headers_beside(self.settings.mail.headers),
            unsigned=preset.unsigned,
        )

    @property
    def limits(self) -> dict[str, Limit]:
        """What single recipient domains are to be spared."""
        return {
            domain: Limit(rate=keys.rate, connections=keys.connections)
            for domain, keys in self.settings.pace.items()
        }

    def schedule(self, newsletter: Newsletter) -> Schedule:
        """Give a newsletter's schedule in its zone."""
        return Schedule.parse(newsletter.schedule, newsletter.timezone)
