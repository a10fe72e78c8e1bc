"""This program beside others that send the same messages to the same relay, Postfix's `smtp-sink`.

Each contender runs in a fresh process. They take turns, round after round, so that a disturbance hits all
alike. This program is timed from handing over a frozen issue until every delivery is recorded as accepted:
its ledger, on a real disk, is part of it. The others keep no record and have their messages ready made.
`FULL` waits for the disk at every commit, as the program does; `NORMAL` is SQLite's weaker promise.
`smtp-source` is Postfix's load generator, in C and without pipelining. Processor time is the sending
process's alone.
"""

import shutil
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import process
import sink
import stand
from process import FailedError, Measured
from steps import Steps

CONNECTIONS = 50
SERIAL_MESSAGES = 2000
"""One connection that waits for every reply needs no more to show its rate."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One row of the table."""

    name: str
    kind: str
    loop: str = "uvloop"
    synchronous: str = "FULL"
    signed: bool = False


YARDSTICK = Contender(name="smtp-source -d", kind="smtp-source")
CONTENDERS = (
    YARDSTICK,
    Contender(name="digest, FULL, uvloop", kind="digest"),
    Contender(name="digest, NORMAL, uvloop", kind="digest", synchronous="NORMAL"),
    Contender(name="digest, FULL, asyncio", kind="digest", loop="asyncio"),
    Contender(name="digest, FULL, uvloop, DKIM", kind="digest", signed=True),
    Contender(name="digest without ledger, uvloop", kind="wire"),
    Contender(name="aiosmtplib pool, uvloop", kind="aiosmtplib"),
    Contender(name="smtplib, one connection", kind="smtplib", loop="asyncio"),
)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much is measured."""

    subscribers: int = 20_000
    rounds: int = 5
    kilobytes: tuple[int, ...] = (5, 30, 60)


QUICK = Scale(subscribers=2000, rounds=1)


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """Everything that a run needs, made once: the relay, the ledger to copy, the messages."""

    folder: Path
    port: int
    subscribers: int

    def prepare(self, sizes: tuple[int, ...]) -> None:
        base = self.folder / "base"
        stand.write_config(base, port=self.port, connections=CONNECTIONS)
        desk = stand.open_desk(base)
        stand.subscribe(desk, self.subscribers)
        for kilobytes in sizes:
            made = stand.compose(desk, stand.rendering(desk, kilobytes * 1000))(
                stand.recipient(1), desk.clock()
            )
            self.message(kilobytes).write_bytes(made)
            # `smtp-source` makes the line ends itself.
            self.message(kilobytes, "lf").write_bytes(made.replace(b"\r\n", b"\n"))
        desk.store.close()

    def message(self, kilobytes: int, ends: str = "crlf") -> Path:
        return self.folder / f"{kilobytes}.{ends}"

    def once(self, contender: Contender, kilobytes: int) -> Measured:
        """Run a contender once. Raises FailedError."""
        if contender.kind == "smtp-source":
            command = sink.smtp_source(
                self.port,
                messages=self.subscribers,
                connections=CONNECTIONS,
                message=self.message(kilobytes, "lf"),
            )
            return process.program(command, self.subscribers)
        if contender.kind in ("aiosmtplib", "smtplib"):
            alone = contender.kind == "smtplib"
            return process.script(
                "peers.py",
                contender.kind,
                loop=contender.loop,
                port=self.port,
                message=self.message(kilobytes),
                messages=min(SERIAL_MESSAGES, self.subscribers) if alone else self.subscribers,
                connections=1 if alone else CONNECTIONS,
            )
        return self._ours(contender, kilobytes)

    def _ours(self, contender: Contender, kilobytes: int) -> Measured:
        room = self.folder / "run"
        toml = stand.signing(room) if contender.signed else ""
        stand.copy(self.folder / "base", room, more=toml)
        more = {"synchronous": contender.synchronous} if contender.kind == "digest" else {}
        try:
            return process.script(
                "contender.py",
                contender.kind,
                loop=contender.loop,
                folder=room,
                octets=kilobytes * 1000,
                messages=self.subscribers,
                **more,
            )
        finally:
            shutil.rmtree(room)


def run(folder: Path, *, quick: bool, rounds: int = 0) -> dict[str, Any]:
    """Measure; give the rows of the table and every run behind them. `rounds` 0 is as many as usual."""
    scale = QUICK if quick else Scale()
    rounds = rounds or scale.rounds
    runs: dict[tuple[int, str], list[Measured]] = {}
    steps = Steps("throughput", rounds * len(scale.kilobytes) * len(CONTENDERS))
    with sink.smtp_sink() as port:
        bench = _Bench(folder=folder, port=port, subscribers=scale.subscribers)
        bench.prepare(scale.kilobytes)
        for _ in range(rounds):
            for kilobytes in scale.kilobytes:
                for contender in CONTENDERS:
                    what = f"{kilobytes} kB, {contender.name}"
                    try:
                        measured = bench.once(contender, kilobytes)
                    except FailedError as error:
                        steps.failed(f"{what}: {error}")
                    else:
                        runs.setdefault((kilobytes, contender.name), []).append(measured)
                        steps.done(f"{what}: {measured.rate:,.0f} messages/s")
    return {
        "subscribers": scale.subscribers,
        "connections": CONNECTIONS,
        "rounds": rounds,
        "rows": [_row(kilobytes, name, taken, runs) for (kilobytes, name), taken in runs.items()],
        "failures": steps.failures,
    }


def _row(
    kilobytes: int, name: str, taken: list[Measured], runs: dict[tuple[int, str], list[Measured]]
) -> dict[str, Any]:
    """Sum up a contender's runs with messages of one size; the yardstick is the load generator's median."""
    yardstick = runs.get((kilobytes, YARDSTICK.name), [])
    rate = statistics.median(one.rate for one in taken)
    return {
        "kilobytes": kilobytes,
        "name": name,
        "rate": round(rate),
        "slowest": round(min(one.rate for one in taken)),
        "fastest": round(max(one.rate for one in taken)),
        "ratio": round(rate / statistics.median(one.rate for one in yardstick), 3) if yardstick else None,
        "cpu_us": round(statistics.median(one.cpu_us for one in taken)),
        "peak_mib": round(max(one.peak_kib for one in taken) / 1024, 1),
        "runs": [asdict(one) for one in taken],
    }
