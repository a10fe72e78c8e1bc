"""Letters: words of the operator's own in the site's mail, such as a correction. No article is in them."""

import re
from datetime import date

from digest.config import Newsletter
from digest.desk import Desk
from digest.errors import UsageError
from digest.headers import one_line
from digest.model import Rendering
from digest.publish.draft import edition
from digest.render import render
from digest.render.words import PREHEADER, clip

TEMPLATE = "letter"
"""Names `letter.html.j2` and `letter.txt.j2`, the site's own where it has them."""

LONGEST_SUBJECT = 200
"""Characters. Inboxes show about 60; what is longer is a body in the wrong place."""

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
# All of C0 and C1 but tab and line feed: no mail shows them, and some relays refuse them.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def letter(
    desk: Desk, newsletter: Newsletter, day: date, *, subject: str, body: str, nonce: str, issue: str = ""
) -> Rendering:
    """Render a letter: `body` is plain text, a blank line between paragraphs; its URLs become links.

    `subject` is taken as it is, `day` stands under the masthead, `issue` names it in the archive.
    Raises UsageError where nothing is said, RenderError for a mistake in a template.
    """
    told = paragraphs(body)
    if not told:
        raise UsageError("The letter is empty: write what readers are to be told.")
    made = edition(
        desk,
        newsletter,
        day,
        (),
        subject=subject,
        template=TEMPLATE,
        intro="\n".join(told),
        preheader=clip(told[0], PREHEADER),
        issue=issue,
    )
    return render(made, nonce=nonce)


def paragraphs(body: str) -> list[str]:
    """Give the paragraphs of a plain text, each on one line: line breaks within one are its editor's."""
    text = _CONTROLS.sub("", body.replace("\r\n", "\n").replace("\r", "\n"))
    found = (" ".join(part.split()) for part in _BLANK_LINE.split(text.removeprefix("\ufeff")))
    return [part for part in found if part]


def checked_subject(text: str) -> str:
    """Give a subject on one line. Raises UsageError for one that is empty or no subject any more."""
    subject = one_line(text)
    try:
        subject.encode()
    except UnicodeEncodeError as error:
        raise UsageError("The subject is not UTF-8.") from error
    if not subject:
        raise UsageError("The subject is empty.")
    if len(subject) > LONGEST_SUBJECT:
        raise UsageError(
            f"The subject has {len(subject)} characters, and {LONGEST_SUBJECT} at most make sense."
        )
    return subject
