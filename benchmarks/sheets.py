"""Makes tables of what was measured, for the terminal and for RESULTS.md. Measures nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table: its headings, the first of words and the rest of figures."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""


def _figure(value: float | None, how: str) -> str:
    return "–" if value is None else format(value, how)


def _throughput(figures: Figures) -> list[Sheet]:
    sizes = sorted({row["kilobytes"] for row in figures["rows"]})
    return [
        Sheet(
            title=(
                f"Messages of {size} kB to {figures['subscribers']:,} subscribers over "
                f"{figures['connections']} connections, median of {figures['rounds']}"
            ),
            headings=("", "messages/s", "slowest–fastest", "to smtp-source", "CPU µs/message", "peak MiB"),
            lines=[
                (
                    row["name"],
                    f"{row['rate']:,}",
                    f"{row['slowest']:,}–{row['fastest']:,}",
                    _figure(row["ratio"], ".2f"),
                    f"{row['cpu_us']:,}",
                    f"{row['peak_mib']:.0f}",
                )
                for row in figures["rows"]
                if row["kilobytes"] == size
            ],
        )
        for size in sizes
    ]


def overview(figures: Figures) -> Sheet:
    """Give throughput in one table, a column a size of message; processor time is at the middle one."""
    sizes = sorted({row["kilobytes"] for row in figures["rows"]})
    found = {(row["name"], row["kilobytes"]): row for row in figures["rows"]}
    middle = sizes[len(sizes) // 2]
    lines = []
    for name in dict.fromkeys(row["name"] for row in figures["rows"]):
        rates = [f"{found[name, size]['rate']:,}" if (name, size) in found else "–" for size in sizes]
        one = found.get((name, middle))
        lines.append((name, *rates, f"{one['cpu_us']:,}" if one else "–"))
    return Sheet(
        title=(
            f"Messages a second to {figures['subscribers']:,} subscribers over "
            f"{figures['connections']} connections, median of {figures['rounds']}"
        ),
        headings=("", *(f"{size} kB" for size in sizes), f"CPU µs/message at {middle} kB"),
        lines=lines,
    )


def _pieces(figures: Figures) -> list[Sheet]:
    return [
        Sheet(
            title="Pieces by themselves, in one thread",
            headings=("", "µs a message", "CPU µs"),
            lines=[(row["name"], f"{row['us']:,.1f}", f"{row['cpu_us']:,.1f}") for row in figures["rows"]],
            note="A delivery is claimed in one tick and recorded in the next.",
        )
    ]


def _size(figures: Figures) -> list[Sheet]:
    return [
        Sheet(
            title=(
                f"What a number of subscribers costs: messages of {figures['octets'] // 1000} kB over "
                f"{figures['connections']} connections"
            ),
            headings=(
                "subscribers",
                "import s",
                "freeze s",
                "send s",
                "messages/s",
                "CPU µs/message",
                "peak MiB: import",
                "freeze",
                "send",
                "octets/subscriber",
                "octets/delivery",
            ),
            lines=[
                (
                    f"{row['subscribers']:,}",
                    f"{row['import_seconds']:.1f}",
                    f"{row['freeze_seconds']:.2f}",
                    f"{row['send_seconds']:.1f}",
                    f"{row['rate']:,}",
                    f"{row['cpu_us']:,}",
                    f"{row['import_peak_mib']:.0f}",
                    f"{row['freeze_peak_mib']:.0f}",
                    f"{row['send_peak_mib']:.0f}",
                    f"{row['octets_a_subscriber']:.0f}",
                    f"{row['octets_a_delivery']:.0f}",
                )
                for row in figures["rows"]
            ],
            note="Import is the whole command on a CSV file. Octets are the database's, indexes too.",
        )
    ]


def _latency(figures: Figures) -> list[Sheet]:
    return [
        Sheet(
            title="A relay that answers late",
            headings=(
                "relay's delay",
                "in truth ms",
                "connections",
                "messages/s",
                "predicted",
                "measured to it",
            ),
            lines=[
                (
                    f"{row['delay_ms']} ms",
                    f"{row['answered_ms']:.2f}",
                    f"{row['connections']}",
                    f"{row['rate']:,.0f}",
                    f"{row['predicted']:,.0f}",
                    f"{row['rate'] / row['predicted']:.2f}",
                )
                for row in figures["rows"]
            ],
            note=(
                "Predicted: N / (2 d + c + N / r), with d in truth, and with "
                f"c = {figures['own_ms']:g} ms a round and 1 / r = {figures['work_us']:,} µs a message, both "
                f"from a relay without delay. Messages of {figures['octets'] // 1000} kB; the relay and this "
                "program share the processors."
            ),
        )
    ]


def _idle(figures: Figures) -> list[Sheet]:
    if "rss_mib" not in figures:
        return []
    return [
        Sheet(
            title=f"`digest run` after {figures['seconds']} s with nothing to do",
            headings=("", "MiB"),
            lines=[
                ("resident (RSS)", f"{figures['rss_mib']:.0f}"),
                ("its share of it (PSS)", f"{figures['pss_mib']:.0f}"),
                ("peak, at its start", f"{figures['peak_mib']:.0f}"),
            ],
            note=f"It has used {figures['cpu_seconds']:g} s of processor time by then, its start included.",
        )
    ]


def _unsubscribe(figures: Figures) -> list[Sheet]:
    return [
        Sheet(
            title=f"Leaving while an issue goes out to {figures['subscribers']:,} at full speed",
            headings=("by", "leaves", "p50 ms", "p99 ms", "max ms", "messages/s meanwhile"),
            lines=[
                (
                    row["way"],
                    f"{row['leaves']:,.0f}",
                    f"{row['p50_ms']:.1f}",
                    f"{row['p99_ms']:.1f}",
                    f"{row['max_ms']:.1f}",
                    f"{row['rate']:,}",
                )
                for row in figures["rows"]
            ],
        )
    ]


def _web(figures: Figures) -> list[Sheet]:
    return [
        Sheet(
            title=f"Posts to the pages, {figures['seconds']:.0f} s at a steady rate",
            headings=(
                *(
                    "posts",
                    "meanwhile",
                    "asked/s",
                    "answered",
                    "errors",
                    "lost",
                    "p50 ms",
                    "p99 ms",
                    "max ms",
                    "processor µs",
                ),
                "messages/s meanwhile",
            ),
            lines=[
                (
                    row["way"],
                    row["meanwhile"],
                    f"{row['asked_rate']:,}",
                    f"{row['answered']:,}",
                    f"{row['errors']:,}",
                    f"{row['lost']:,}",
                    f"{row['p50_ms']:.1f}",
                    f"{row['p99_ms']:.1f}",
                    f"{row['max_ms']:.1f}",
                    "" if row["sent"] else f"{row['cpu_us']:,}",
                    f"{row['rate']:,}" if row["sent"] else "",
                )
                for row in figures["rows"]
            ],
        )
    ]


def _feeds(figures: Figures) -> list[Sheet]:
    return [
        Sheet(
            title="Reading a feed",
            headings=("", "kB", "ms", "peak MiB", "longest pause of the loop, ms"),
            lines=[
                (
                    f"{row['items']:,} items {row['way']}",
                    f"{row['octets'] / 1000:,.0f}",
                    f"{row['ms']:,.0f}",
                    f"{row['peak_mib']:.0f}",
                    _figure(row["pause_ms"], ".1f"),
                )
                for row in figures["rows"]
            ],
            note=(
                "The service reads a large feed in a process of its own: its start counts in the time, its "
                "memory is as in the foreground, and the peak is the service's."
            ),
        )
    ]


def _bounces(figures: Figures) -> list[Sheet]:
    return [
        Sheet(
            title=f"Bounces that return a message of {figures['octets'] // 1000} kB, read out of a Maildir",
            headings=("mails", "a minute", "CPU ms/mail", "peak MiB"),
            lines=[
                (f"{row['mails']:,}", f"{row['a_minute']:,}", f"{row['cpu_ms']:g}", f"{row['peak_mib']:.0f}")
                for row in figures["rows"]
            ],
        )
    ]


SHEETS: dict[str, Callable[[Figures], list[Sheet]]] = {
    "throughput": _throughput,
    "pieces": _pieces,
    "size": _size,
    "latency": _latency,
    "idle": _idle,
    "unsubscribe": _unsubscribe,
    "feeds": _feeds,
    "bounces": _bounces,
    "web": _web,
}
