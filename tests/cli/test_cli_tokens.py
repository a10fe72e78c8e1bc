import json
from pathlib import Path

import pytest
from cli_site import Site

from digest.store import tokens
from digest.store.tokens import Scope


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path).begin()


def test_a_token_is_shown_once_and_alone_on_standard_output(site: Site) -> None:
    said = site.digest("tokens", "new", "shop", "--scope", "read", "--scope", "write")
    assert (said.code, said.out.startswith("digest_"), len(said.out.splitlines())) == (0, True, 1)
    assert "this once" in said.err
    with site.store() as store, store.read() as session:
        found = tokens.find(session, said.out.strip())
    assert found is not None
    assert (found.name, found.scopes) == ("shop", frozenset({Scope.READ, Scope.WRITE}))
    listed = site.digest("tokens", "list")
    assert "read, write" in listed.out
    assert said.out.strip() not in listed.out


def test_a_revoked_token_stays_in_the_list_and_its_name_taken(site: Site) -> None:
    secret = json.loads(site.digest("tokens", "new", "shop", "--scope", "erase", "--json").out)["token"]
    assert "no access any more" in site.digest("tokens", "revoke", "shop").out
    assert "already" in site.digest("tokens", "revoke", "shop").out
    (told,) = json.loads(site.digest("tokens", "list", "--json").out)
    assert (told["name"], told["scopes"]) == ("shop", ["erase"])
    assert told["revoked_at"]
    with site.store() as store, store.read() as session:
        assert tokens.find(session, secret) is None
    said = site.digest("tokens", "new", "shop", "--scope", "read")
    assert (said.code, "another name" in said.err) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("new", "shop"),
        ("new", "shop", "--scope", "everything"),
        ("new", "The Shop!", "--scope", "read"),
        ("revoke", "shop"),
    ],
    ids=["no scope", "an unknown scope", "no name", "an unknown name"],
)
def test_what_is_no_token_is_misuse(site: Site, words: tuple[str, ...]) -> None:
    assert site.digest("tokens", *words).code == 2
    assert site.digest("tokens", "list").out == "There is none.\n"
