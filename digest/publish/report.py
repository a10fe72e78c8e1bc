"""Reports: what an issue came to, in the words of a mail to the operator."""

from digest.desk import Desk
from digest.model import Counts, Issue, IssueState
from digest.store import issues, revisions, watch


def counts(desk: Desk, issue: Issue) -> Counts:
    """Count an issue's deliveries."""
    with desk.store.read() as session:
        return issues.counts(session, issue.id)


def report(desk: Desk, issue: Issue) -> tuple[str, str]:
    """Give the subject and text of an issue's report, and note that it was made: one is made of each end."""
    with desk.store.write() as session:
        issues.note(session, issue, watch.REPORTED, desk.clock())
        counted = issues.counts(session, issue.id)
        rendering = issues.latest_rendering(session, issue.id)
        left = issues.left(session, issue.id)
        reached = revisions.accepted(session, issue.id) if issue.revision > 1 else {}
    name = issues.name(issue)
    if issue.state is not IssueState.SENT:
        return (
            f"{name}: {issue.state.value}",
            f"{name} is {issue.state.value}: {issue.reason or 'no reason given'}.\n",
        )
    lines = [
        f"Subject     {rendering.subject if rendering else ''}",
        f"Audience    {issue.audience}",
        f"Accepted    {counted.accepted}",
        f"Refused     {counted.refused}",
        f"Expired     {counted.expired}",
        f"Unknown     {counted.unknown}",
        f"Withdrawn   {counted.withdrawn}",
        f"Doubtful    {counted.doubtful}",
        f"Left        {left}",
    ]
    lines += [f"Revision {revision}  {count} accepted" for revision, count in reached.items()]
    if issue.started_at and issue.finished_at:
        lines.append(f"Took        {(issue.finished_at - issue.started_at).total_seconds():.0f} s")
    if counted.refused or counted.expired or counted.unknown:
        lines += ["", f"Who did not get it, and why: digest issues undelivered {issue.slot}"]
    subject = f"{name}: {counted.accepted} of {issue.audience} accepted"
    return subject, "\n".join(lines) + "\n"
