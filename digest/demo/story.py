"""The demo's course: an issue goes out, two readers leave; the next is queued, one leaves, it goes out."""

from digest.demo.making import Making, bring
from digest.demo.report import Report, Show
from digest.demo.world import World


async def play(world: World, count: int, show: Show) -> Report:
    """Let it happen. Raises DigestError where a step fails."""
    people, seconds = await bring(world, count, show)
    # From all over the audience; a step aside each time, since names repeat in round numbers.
    *early, last = (people[count * quarter // 4 + quarter - 1] for quarter in (1, 2, 3))
    today, tomorrow = world.slots

    show.heading(f"{today.local:%A}’s issue")
    first = Making(world, show, today)
    await first.queue()
    await first.send()
    await first.leave(early, "Two leave by one click")

    world.clock.set(tomorrow.instant)
    world.site.advance(tomorrow.instant)
    show.heading(f"{tomorrow.local:%A}’s issue, a day later")
    second = Making(world, show, tomorrow)
    await second.queue()
    await second.leave([last], "One more leaves")
    await second.send()

    sent = first.edition(), second.edition()
    taken = sum(edition.counts.accepted for edition in sent)
    return Report(
        readers=people,
        import_seconds=seconds,
        first=sent[0],
        second=sent[1],
        early=tuple(early),
        last=last,
        caught=await world.catcher.settled(taken),
        site_url=world.site.url,
    )
