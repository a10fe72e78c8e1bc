from collections.abc import AsyncIterator

import pytest
from api_site import NOW, ROSA, Api, bearer, serving

from digest.errors import UsageError
from digest.store import tokens
from digest.store.database import Store
from digest.store.tokens import Scope

CALLS = {
    ("GET", "/subscribers/1"): Scope.READ,
    ("GET", f"/subscribers?email={ROSA}"): Scope.READ,
    ("GET", "/changes"): Scope.READ,
    ("POST", "/subscribers"): Scope.WRITE,
    ("POST", "/subscribers/1/unsubscribe"): Scope.WRITE,
    ("DELETE", "/subscribers/1"): Scope.ERASE,
}
BODY = {"email": ROSA, "newsletters": ["daily"]}


@pytest.fixture
async def api(store: Store) -> AsyncIterator[Api]:
    async with serving(store) as made:
        yield made


async def test_each_call_needs_its_scope_and_changes_nothing_without(api: Api) -> None:
    api.reader()
    before = api.known()
    for number, ((method, path), needed) in enumerate(CALLS.items()):
        others = [scope for scope in Scope if scope is not needed]
        headers = api.token(*others, name=f"t{number}")
        body = BODY if path == "/subscribers" else None
        answer = await api.client.request(method, path, headers=headers, json=body)
        assert (answer.status_code, answer.json()["status"]) == (403, 403)
        assert f'scope="{needed.value}"' in answer.headers["www-authenticate"]
    assert api.known() == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer x", "Basic cm9zYTpyb3Nh", "Bearer digest_" + "A" * 43, "Bearer \u00e9"],
    ids=["none", "empty", "short", "another scheme", "another", "not ASCII"],
)
async def test_nobody_comes_in_without_a_token_that_is_known(api: Api, given: str) -> None:
    headers = {b"Authorization": given.encode()}
    for method, path in CALLS:
        answer = await api.client.request(method, path, headers=headers)
        assert answer.status_code in (401, 422) if method == "POST" else answer.status_code == 401
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_token_is_no_good_from_then_on(api: Api) -> None:
    headers = api.token(Scope.READ)
    assert (await api.client.get("/changes", headers=headers)).status_code == 200
    with api.store.write() as session:
        assert tokens.revoke(session, "other", NOW)
        assert not tokens.revoke(session, "other", NOW)
    assert (await api.client.get("/changes", headers=headers)).status_code == 401


async def test_whoever_tries_many_tokens_is_not_looked_at_for_a_while(store: Store) -> None:
    async with serving(store, wrong_tokens_a_minute=2) as api:
        wrong = {"Authorization": "Bearer digest_wrong"}
        said = [(await api.client.get("/changes", headers=wrong)).status_code for _ in range(5)]
        assert said == [401, 401, 401, 429, 429]
        from_elsewhere = {"X-Forwarded-For": "203.0.113.9"}
        assert (await api.client.get("/changes", headers=from_elsewhere)).status_code == 200


async def test_only_a_hash_is_kept_and_when_it_was_used(api: Api) -> None:
    secret = api.token(Scope.READ, Scope.WRITE)["Authorization"].removeprefix("Bearer ")
    with api.store.read() as session:
        told = repr(tokens.listing(session)) + repr(
            session.connection().exec_driver_sql("SELECT token_hash, scopes FROM api_token").all()
        )
        assert secret not in told
        other = next(one for one in tokens.listing(session) if one.name == "other")
    assert (other.scopes, other.used_at) == (frozenset({Scope.READ, Scope.WRITE}), None)
    await api.client.get("/changes", headers={"Authorization": f"Bearer {secret}"})
    with api.store.read() as session:
        found = tokens.find(session, secret)
    assert found is not None
    assert found.used_at == NOW
    assert not tokens.is_worth_noting(found, NOW)


def test_a_name_is_given_once(store: Store) -> None:
    bearer(store, "shop", Scope.READ)
    with pytest.raises(UsageError, match="another name"):
        bearer(store, "shop", Scope.READ)
    with store.write() as session, pytest.raises(UsageError, match="no token"):
        tokens.revoke(session, "wordpress", NOW)
