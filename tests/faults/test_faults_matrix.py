"""A relay that misbehaves at every phase, in every way: once, towards one reader, or for ever."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
import trustme
from _pytest.mark import ParameterSet
from faults_ledger import Life, address, begin, check_copies, new_ledger
from faults_rules import (
    LASTING,
    MAILED,
    NAMES_A_READER,
    ODD,
    RULES,
    SLOW,
    STATES,
    TROUBLE,
    USED_UP,
    End,
    misbehaviours,
)
from jumping_loop import in_no_time
from smtp_server import At, Bad, SmtpServer

from digest.delivery.courier import Relay
from digest.engine.verdict import Policy
from digest.model import IssueState

READERS = 12
STRUCK = 5
"""The reader to whom alone it happens."""
THE_THIRD = frozenset({3})
ACCOUNT = ("news", "sesame")
EXPIRES = timedelta(minutes=20)
SOON = timedelta(minutes=1)
"""For what is tried again every minute."""
SILENT = frozenset({"hang", "slow"})

Scope = Literal["once", "one reader", "for ever"]
OnUnknown = Literal["resend", "ask"]
SCOPES: tuple[tuple[Scope, ...], ...] = (("once", "one reader", "for ever"), ("once", "for ever"))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One cell of the matrix under one set of circumstances."""

    meaning: str
    at: At
    how: str
    scope: Scope
    dialect: str = "pipelined"
    on_unknown: OnUnknown = "resend"

    @property
    def end(self) -> End:
        in_doubt = self.meaning == "2 unknown"
        rule = RULES[f"{self.meaning}, {self.on_unknown}" if in_doubt else self.meaning]
        end = {"once": rule.once, "one reader": rule.reader, "for ever": rule.for_ever}[self.scope]
        assert end is not None
        return end

    @property
    def bad(self) -> Bad:
        return Bad(
            at=self.at,
            how=self.how,
            times=THE_THIRD if self.scope == "once" else None,
            to=address(STRUCK) if self.scope == "one reader" else "",
        )

    @property
    def patience(self) -> timedelta:
        """How long the relay may be in trouble, in all, before a run gives up."""
        if self.meaning == LASTING:
            # Longer than a trouble has to last to be a matter of set-up.
            return timedelta(minutes=10)
        quick = self.meaning in {TROUBLE, USED_UP} and self.how not in SILENT
        return timedelta(seconds=10 if quick else 60)

    def __str__(self) -> str:
        circumstances = f"{self.scope}, {self.dialect}, {self.on_unknown}"
        return f"{self.at}: {self.how[:40]!r} {circumstances}"


def cases() -> Iterator[Case]:
    for meaning, at, how in misbehaviours():
        # A refusal is what makes a reset; it has a test of its own.
        if at == "rset":
            continue
        transacting = at in {"mail", *NAMES_A_READER}
        for scope in SCOPES[how in ODD or at not in NAMES_A_READER]:
            for dialect in ("pipelined", "in lock-step") if transacting else ("pipelined",):
                case = Case(meaning=meaning, at=at, how=how, scope=scope, dialect=dialect)
                yield case
                if meaning == "2 unknown":
                    yield replace(case, on_unknown="ask")
                if at in {"mail", "rcpt"} and dialect == "pipelined" and how[:1] in "45":
                    # RFC 2920 §3.1: a server may answer DATA with 354 though it refused what came before.
                    yield replace(case, dialect="pipelined, DATA is taken all the same")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    new_ledger(path, READERS)
    return path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, str(path)


def relay(server: SmtpServer, ca_file: str, at: At) -> Relay:
    secured = at in {"starttls", "auth"}
    return Relay(
        host="127.0.0.1",
        port=server.port,
        security="starttls" if secured else "none",
        username=ACCOUNT[0] if secured else "",
        password=ACCOUNT[1] if secured else "",
        timeout=3,
        connections=2,
        messages_per_connection=4,
        ca_file=ca_file,
    )


def parameters() -> Iterator[ParameterSet]:
    """Give every cell of the matrix over a pipelining relay; in other circumstances under `make torture`."""
    for case in cases():
        usual = case.dialect == "pipelined" and case.scope == "once"
        yield pytest.param(case, marks=() if usual else pytest.mark.torture)


@pytest.mark.parametrize("case", list(parameters()), ids=str)
def test_whatever_a_relay_does_comes_to_what_the_rules_say(
    case: Case, template: Path, tmp_path: Path, certificates: tuple[ssl.SSLContext, str]
) -> None:
    context, ca_file = certificates
    server = SmtpServer(
        case.bad,
        pipelining=case.dialect.startswith("pipelined"),
        data_after_refusal="all the same" in case.dialect,
        tls=context,
        accounts=dict([ACCOUNT]),
    )

    async def run() -> Life:
        async with server:
            expire_after = SOON if case.meaning == SLOW else EXPIRES
            policy = Policy(expire_after=expire_after, on_unknown=case.on_unknown)
            life = begin(template, tmp_path, relay(server, ca_file, case.at), policy)
            life.patience = case.patience
            await life.live()
        return life

    life = in_no_time(run())
    try:
        check_copies(life.fates, server.received)
        check_end(case, life)
    finally:
        life.store.close()


def check_end(case: Case, life: Life) -> None:
    end, issue, fates = case.end, life.reread(), life.fates
    code = issue.hold_code if issue.state is IssueState.HELD else ""
    assert (issue.state, code) == STATES[end.issue], fates
    if issue.state is IssueState.HELD:
        assert issue.reason
    assert bool(life.gave_up) == (STATES[end.issue][0] is IssueState.SENDING)
    struck = {number for number, fate in fates.items() if fate == end.struck}
    assert {fate for number, fate in fates.items() if number not in struck} <= end.others, fates
    if case.scope == "one reader":
        assert STRUCK in struck, fates
    if case.scope == "once" and end.struck not in end.others:
        assert len(struck) == 1, fates
    if case.scope == "for ever":
        assert struck, fates
        assert end.struck == MAILED or MAILED not in fates.values()


def test_the_matrix_holds_every_row_of_the_rules() -> None:
    met = {case.meaning for case in cases()}
    assert {meaning.partition(",")[0] for meaning in RULES} == {meaning.partition(",")[0] for meaning in met}
