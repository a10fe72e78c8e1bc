"""The OpenAPI document and the API agree, whatever is sent: no answer is untold, and none a failure."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import hypothesis
import pytest
import schemathesis
from api_site import NOW, bearer, pages, served_apart
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.formats import register_string_format

from digest.config.signup import Signup
from digest.store import subscribers
from digest.store.database import Store
from digest.store.schema import open_store, upgrade
from digest.store.subscribers import Newcomer
from digest.store.tokens import Scope
from digest.web.api import application

EXAMPLES = 25

# What a format allows and we do not, such as an address whose domain is an IP address, is no mistake.
_WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
ADDRESSES = st.builds("{}@{}.example".format, _WORD, _WORD)
INSTANTS = st.datetimes(
    min_value=NOW.replace(year=2000, tzinfo=None), max_value=NOW.replace(tzinfo=None)
).map(lambda when: when.isoformat(timespec="seconds") + "Z")
register_string_format("email", ADDRESSES)
register_string_format("date-time", INSTANTS)


schema = schemathesis.openapi.from_dict(
    application(pages(Store("sqlite://"))).openapi(),
    config=SchemathesisConfig.from_dict({"generation": {"allow-x00": True}}),
)


@dataclass(frozen=True, kw_only=True)
class Served:
    """Where the API is, and the header of a token for everything."""

    base: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API by the real server, over a store with a few readers."""
    url = f"sqlite:///{tmp_path_factory.mktemp('api') / 'subscribers.db'}"
    with contextlib.closing(Store(url)) as fresh:
        upgrade(fresh, NOW)
    with contextlib.closing(open_store(url)) as store:
        newcomers = [Newcomer(email=f"reader{n}@mail.example", newsletter="daily") for n in range(20)]
        with store.write() as session:
            subscribers.add(session, newcomers, NOW)
        headers = bearer(store, "software", *Scope)
        with served_apart(store, signup=Signup(in_all=0), wrong_tokens_a_minute=1_000_000) as base:
            yield Served(base=f"{base}/api", headers=headers)


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
)
def test_every_answer_is_one_that_the_document_tells(case: Any, served: Served) -> None:
    case.call_and_validate(base_url=served.base, headers=served.headers)


def test_the_document_is_served_as_it_is(served: Served) -> None:
    answer = httpx2.get(f"{served.base}/openapi.json", trust_env=False)
    assert answer.json() == schema.raw_schema
    assert answer.json()["servers"] == [{"url": "/api"}]
