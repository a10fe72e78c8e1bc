"""What the line works with: the settings, the ledger, the keys and the clock. Built once, passed along."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from digest.config import Newsletter, Settings
from digest.delivery.courier import Relay
from digest.links import Keys
from digest.slots import Schedule
from digest.store.database import Store


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

    @property
    def relay(self) -> Relay:
        """The relay as it is configured."""
        smtp = self.settings.smtp
        return Relay(
            host=smtp.host,
            port=smtp.port,
            security=smtp.security,
            username=smtp.username,
            password=smtp.password.get_secret_value(),
            timeout=smtp.timeout,
            connections=smtp.connections,
            messages_per_connection=smtp.messages_per_connection,
        )

    def schedule(self, newsletter: Newsletter) -> Schedule:
        """Give a newsletter's schedule in its zone."""
        return Schedule.parse(newsletter.schedule, newsletter.timezone)
