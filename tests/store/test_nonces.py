"""What somebody signed to be used once is good for one thing."""

from datetime import datetime, timedelta

from digest.store import nonces
from digest.store.database import Store


def test_a_nonce_is_good_for_one_purpose_however_often(store: Store, now: datetime) -> None:
    with store.bare() as hand:
        assert nonces.is_for(hand, "n", "one", now)
    with store.bare() as hand:
        assert not nonces.is_for(hand, "n", "two", now)
        assert nonces.is_for(hand, "n", "one", now + timedelta(days=1))
        assert nonces.is_for(hand, "m", "two", now)


def test_a_nonce_is_remembered_for_longer_than_its_time_is_believed(store: Store, now: datetime) -> None:
    with store.bare() as hand:
        assert nonces.is_for(hand, "n", "one", now)
        assert not nonces.is_for(hand, "n", "two", now + timedelta(hours=47))
        assert nonces.is_for(hand, "n", "two", now + timedelta(hours=49))
