"""A real Postfix that misbehaves in the ways that it can, at each stage: the rules hold with it too."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa
import trustme
from _pytest.mark import ParameterSet
from faults_ledger import Life, address, begin, new_ledger
from faults_rules import (
    IN_THE_DARK,
    LASTING,
    MAILED,
    MAILED_AGAIN,
    TURNED_DOWN,
    WAITING,
    Ending,
)
from feed_site import Story, feed_site
from installed import Site
from postfix import Door, Postfix, running
from postfix_asks import PasswordServer, PolicyServer, asked, badly
from postfix_cells import Cell, cells
from postfix_life import check_ending, check_taken, check_words, patiently, told
from postfix_ways import EXPIRES, READERS, STRUCK, TO_ONE, WAYS
from smtp_server import At, Bad

from digest.delivery.courier import Relay
from digest.engine.verdict import Policy
from digest.model import DeliveryState
from digest.store.tables import SUBSCRIBER

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="Postfix starts as root alone"),
]

ACCOUNT = ("news", "sesame")
EVERY_STAGE = ("client", "helo", "sender", "recipient", "data", "end_of_data")


@dataclass(frozen=True, kw_only=True)
class Town:
    """Postfix, whom it asks, and the certificate that it shows."""

    postfix: Postfix
    policy: PolicyServer
    passwords: PasswordServer
    ca_file: str


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    policy, passwords = PolicyServer(), PasswordServer(*ACCOUNT)
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "chain.pem"))
    ask = f"check_policy_service {policy.name}"
    doors = {
        **{name: way.door for name, way in WAYS.items()},
        **{name: way.door for name, way in TO_ONE.items()},
        "asks": Door(
            smtpd={
                "smtpd_delay_reject": "no",
                **{f"smtpd_{stage}_restrictions": ask for stage in EVERY_STAGE},
            }
        ),
        "without SMTPUTF8": Door(smtpd={"smtpd_discard_ehlo_keywords": "smtputf8"}),
        "soon tired": Door(smtpd={"smtpd_timeout": "1s"}),
        "secured": Door(
            smtpd={
                "smtpd_tls_security_level": "encrypt",
                "smtpd_tls_chain_files": f"{folder}/chain.pem",
                "smtpd_sasl_auth_enable": "yes",
                "smtpd_sasl_type": "dovecot",
                "smtpd_sasl_path": passwords.name,
                "smtpd_recipient_restrictions": "permit_sasl_authenticated, reject",
            }
        ),
    }
    with asked(policy), asked(passwords), running(doors) as postfix:
        yield Town(postfix=postfix, policy=policy, passwords=passwords, ca_file=f"{folder}/ca.pem")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    new_ledger(path, READERS)
    return path


@pytest.fixture
def closer() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def begun(town: Town, template: Path, tmp_path: Path, closer: ExitStack) -> Callable[..., Life]:
    """Give what begins an issue's life at one of Postfix's ports."""

    def begin_at(
        door: str, policy: Policy | None = None, *, ledger: Path = template, **options: object
    ) -> Life:
        town.policy.answer = lambda _at, _recipient: ""
        town.passwords.works = True
        town.postfix.taken()
        usual: dict[str, object] = {"host": "127.0.0.1", "security": "none", "timeout": 10, "connections": 2}
        relay = Relay(**{**usual, "port": town.postfix.port(door), **options})  # type: ignore[arg-type] # a test's own choice
        life = begin(ledger, tmp_path, relay, policy or Policy(expire_after=EXPIRES))
        closer.callback(life.store.close)
        return life

    return begin_at


@pytest.mark.parametrize("name", TO_ONE)
def test_what_postfix_does_to_one_reader_befalls_no_other(
    name: str, town: Town, begun: Callable[..., Life]
) -> None:
    way, life = TO_ONE[name], begun(name)
    patiently(life.live())
    check_taken(life, town.postfix.taken())
    assert life.fates == {n: way.fate if n == STRUCK else MAILED for n in range(1, READERS + 1)}
    check_ending(life, Ending.SENT)
    assert list(life.evidence) == [STRUCK]
    assert way.words in life.evidence[STRUCK]


@pytest.mark.parametrize("name", WAYS)
def test_however_postfix_is_set_up_readers_are_mailed_once_or_nobody_is_blamed(
    name: str, town: Town, begun: Callable[..., Life]
) -> None:
    way = WAYS[name]
    life = begun(name, Policy(expire_after=way.expires), **way.relay)
    life.patience = way.patience
    patiently(life.live())
    check_taken(life, town.postfix.taken())
    assert set(life.fates.values()) == way.struck, told(life)
    check_ending(life, way.ending)
    check_words(life, way.words)


def parameters() -> Iterator[ParameterSet]:
    """Give every cell: at the text's end, where Postfix is peculiar; the others in `make torture`."""
    for cell in cells():
        usual = cell.at == "dot" and cell.scope == "once"
        yield pytest.param(cell, marks=() if usual else pytest.mark.torture)


@pytest.mark.parametrize("cell", list(parameters()), ids=str)
def test_whatever_postfix_answers_comes_to_what_the_rules_say(
    cell: Cell, town: Town, begun: Callable[..., Life]
) -> None:
    life = begun("asks")
    life.patience = timedelta(minutes=10) if cell.meaning == LASTING else timedelta(seconds=10)
    town.policy.answer = badly(cell.bad)
    patiently(life.live())
    check_taken(life, town.postfix.taken())
    fates, end = life.fates, cell.end
    check_ending(life, end.issue)
    struck = {number for number, fate in fates.items() if fate == end.struck}
    assert {fate for number, fate in fates.items() if number not in struck} <= end.others, told(life)
    if cell.scope == "one reader":
        assert STRUCK in struck, told(life)
    if cell.scope == "once" and end.struck not in end.others:
        assert len(struck) == 1, told(life)
    if cell.scope == "for ever":
        assert struck, told(life)
        assert MAILED not in fates.values()


def test_a_greylist_that_opens_the_second_time_costs_nobody_anything(
    town: Town, begun: Callable[..., Life]
) -> None:
    life, asked_about = begun("asks"), Counter[str]()

    def answer(at: At, recipient: str) -> str:
        asked_about[recipient] += at == "rcpt"
        return "DEFER_IF_PERMIT 4.2.0 Greylisted" if at == "rcpt" and asked_about[recipient] == 1 else ""

    town.policy.answer = answer
    patiently(life.live())
    check_taken(life, town.postfix.taken())
    assert set(life.fates.values()) == {MAILED}
    assert {asked_about[address(number)] for number in life.fates} == {2}


@pytest.mark.parametrize("at", ["banner", "ehlo", "mail", "rcpt", "data", "dot"])
def test_a_postfix_that_is_stopped_in_mid_send_goes_on_where_it_was_when_it_is_back(
    at: At, town: Town, begun: Callable[..., Life]
) -> None:
    life = begun("asks", Policy())
    occasion = 1 if at in {"banner", "ehlo"} else 5
    town.policy.answer = badly(Bad(at=at, how="", times={occasion}), town.postfix.restart)
    patiently(life.live())
    check_taken(life, town.postfix.taken())
    fates = Counter(life.fates.values())
    # What another connection was waiting for at that moment is as uncertain.
    assert set(fates) <= {MAILED, MAILED_AGAIN}
    assert fates[MAILED_AGAIN] in ({1, 2} if at == "dot" else {0, 1})
    check_ending(life, Ending.SENT)


def test_a_postfix_that_is_stopped_after_the_text_leaves_it_to_the_operator_where_he_wants_that(
    town: Town, begun: Callable[..., Life]
) -> None:
    life = begun("asks", Policy(on_unknown="ask"), connections=1)
    town.policy.answer = badly(Bad(at="dot", how="", to=address(STRUCK), times={1}), town.postfix.restart)
    patiently(life.live())
    taken = town.postfix.taken()
    check_taken(life, taken)
    assert life.fates == {n: IN_THE_DARK if n == STRUCK else MAILED for n in range(1, READERS + 1)}
    assert address(STRUCK) not in {message.recipient for message in taken}


@pytest.mark.parametrize(("on_unknown", "copies"), [("resend", 2), ("ask", 1)])
def test_a_postfix_that_takes_a_message_and_answers_too_late_has_it_as_often_as_the_ledger_fears(
    on_unknown: Literal["resend", "ask"], copies: int, town: Town, begun: Callable[..., Life]
) -> None:
    life, gate = begun("asks", Policy(on_unknown=on_unknown), timeout=1), threading.Event()
    town.policy.answer = badly(
        Bad(at="dot", how="", to=address(STRUCK), times={1}), lambda: gate.wait(timeout=20)
    )
    patiently(life.live())
    gate.set()
    taken = town.postfix.taken(at_least=READERS - 1 + copies)
    check_taken(life, taken)
    struck = MAILED_AGAIN if on_unknown == "resend" else IN_THE_DARK
    assert life.fates == {n: struck if n == STRUCK else MAILED for n in range(1, READERS + 1)}
    assert Counter(message.recipient for message in taken)[address(STRUCK)] == copies


@pytest.mark.parametrize("at", ["rcpt", "data"])
def test_a_postfix_that_is_silent_before_the_text_costs_nobody_anything(
    at: At, town: Town, begun: Callable[..., Life]
) -> None:
    life, gate = begun("asks", timeout=1), threading.Event()
    town.policy.answer = badly(
        Bad(at=at, how="", to=address(STRUCK), times={1}), lambda: gate.wait(timeout=20)
    )
    patiently(life.live())
    gate.set()
    check_taken(life, town.postfix.taken(at_least=READERS))
    assert set(life.fates.values()) == {MAILED}


def test_a_postfix_that_tires_of_idle_connections_costs_nobody_anything(
    town: Town, begun: Callable[..., Life], tmp_path: Path
) -> None:
    new_ledger(tmp_path / "few.db", 3)
    life = begun("soon tired", ledger=tmp_path / "few.db")
    # So that a connection has nothing to do for longer than a second.
    life.rate = 0.7
    patiently(life.live())
    check_taken(life, town.postfix.taken())
    assert set(life.fates.values()) == {MAILED}
    assert "timeout after END-OF-MESSAGE from" in town.postfix.log


def test_a_login_over_tls_is_all_that_postfix_wants(town: Town, begun: Callable[..., Life]) -> None:
    life = begun("secured", **secured(town))
    patiently(life.live())
    check_taken(life, town.postfix.taken())
    assert set(life.fates.values()) == {MAILED}


def secured(town: Town) -> dict[str, object]:
    username, password = ACCOUNT
    return {"security": "starttls", "ca_file": town.ca_file, "username": username, "password": password}


def test_without_a_login_the_issue_is_held_and_nobody_is_blamed(
    town: Town, begun: Callable[..., Life]
) -> None:
    life = begun("secured", **{**secured(town), "username": ""})
    patiently(life.live())
    assert not town.postfix.taken()
    assert set(life.fates.values()) == {TURNED_DOWN, WAITING}
    check_ending(life, Ending.HELD)


def test_a_wrong_password_holds_the_issue(town: Town, begun: Callable[..., Life]) -> None:
    life = begun("secured", **{**secured(town), "password": "abracadabra"})
    patiently(life.live())
    assert not town.postfix.taken()
    assert set(life.fates.values()) == {WAITING}
    check_ending(life, Ending.HELD)
    assert "535 5.7.8 Error: authentication failed" in life.reread().reason


def test_passwords_that_cannot_be_looked_up_hold_the_issue_once_that_lasts(
    town: Town, begun: Callable[..., Life]
) -> None:
    life = begun("secured", **secured(town))
    town.passwords.works = False
    patiently(life.live())
    assert not town.postfix.taken()
    assert set(life.fates.values()) == {WAITING}
    check_ending(life, Ending.HELD)
    assert "454 4.7.0 Temporary authentication failure" in life.reread().reason


def test_a_certificate_of_an_unknown_authority_is_never_sent_to(
    town: Town, begun: Callable[..., Life]
) -> None:
    life = begun("secured", **{**secured(town), "ca_file": ""})
    life.patience = timedelta(minutes=10)
    patiently(life.live())
    assert not town.postfix.taken()
    assert set(life.fates.values()) == {WAITING}
    check_ending(life, Ending.GIVEN_UP)
    assert "certificate verify failed" in str(life.gave_up)


@pytest.mark.parametrize(("door", "fate"), [("as it should be", MAILED), ("without SMTPUTF8", TURNED_DOWN)])
def test_an_address_that_is_not_ascii_is_mailed_where_postfix_takes_such(
    door: str, fate: object, town: Town, begun: Callable[..., Life]
) -> None:
    life = begun(door)
    with life.store.write() as session:
        changed = sa.update(SUBSCRIBER).where(SUBSCRIBER.c.id == STRUCK).values(email="läser@mail.example")
        session.connection().execute(changed)
    patiently(life.live())
    assert life.fates == {n: fate if n == STRUCK else MAILED for n in range(1, READERS + 1)}
    taken = Counter(message.recipient for message in town.postfix.taken())
    assert taken["läser@mail.example"] == (fate == MAILED)
    assert sum(taken.values()) == sum(one.state is DeliveryState.ACCEPTED for one in life.fates.values())
    check_ending(life, Ending.SENT)


def test_the_command_mails_everybody_though_postfix_is_stopped_in_mid_send(
    town: Town, tmp_path: Path
) -> None:
    town.postfix.taken()
    town.policy.answer = badly(Bad(at="data", how="", times={15}), town.postfix.restart)
    with feed_site() as feed:
        feed.stories.append(Story(slug="the-tide", published_at=datetime.now(UTC) - timedelta(hours=1)))
        database = f"sqlite:///{tmp_path / 'subscribers.db'}"
        smtp = town.postfix.port("asks")
        site = Site(tmp_path, feed=feed.feed_url, smtp=smtp, database=database, connections=3)
        addresses = site.install(40)
        site.run("send", "--yes")
        issue = site.json("issues", "show")
    assert (issue["state"], issue["accepted"], issue["audience"]) == ("sent", 40, 40)
    copies: dict[str, list[str]] = {}
    for message in town.postfix.taken():
        copies.setdefault(message.recipient, []).append(message.message_id)
    assert sorted(copies) == sorted(addresses)
    assert all(len(set(names)) == 1 for names in copies.values())
    assert sum(map(len, copies.values())) - len(addresses) <= issue["doubtful"]
