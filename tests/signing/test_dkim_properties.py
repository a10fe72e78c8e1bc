"""Whatever a site, an editor or a subscriber types, the signatures verify."""

import re
from dataclasses import replace

from dkim.canonicalization import Relaxed
from dkim_samples import HEADERS, LINK, NONCE, named, rendering, signed, slot, verdicts
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from digest.headers import one_line
from digest.model import SLOT_NAMES, IssueHeaders, Recipient, Rendering

# Nobody types the nonce of a rendering that is yet to come.
# Signing takes a while on a busy computer: no deadlines here.
TYPED = st.text(max_size=120).filter(lambda text: NONCE not in text)
PIECES = st.lists(
    st.one_of(
        TYPED,
        st.sampled_from([".", "..", " ", "  ", "\t", "=", "From ", "\n", "\r\n", "\n\n\n", "é", "x" * 75]),
        st.builds(slot, st.sampled_from(SLOT_NAMES), st.sampled_from(["friend", "Grüße ", ""])),
    ),
    max_size=12,
).map("".join)
SUBJECTS = TYPED.filter(lambda text: one_line(re.sub(r"(?i)\b(re|fwd?)\b", "", text)))
RENDERINGS = st.builds(
    lambda subject, text, html: replace(rendering(subject=subject), text=text, html=html),
    SUBJECTS,
    PIECES,
    PIECES,
)
ADDRESSES = st.sampled_from(["ann@mail1.example", "o'neill+x@x.example", "jürgen@xn--bcher-kva.example"])
URLS = st.just(LINK) | st.text(min_size=1, max_size=120)
RECIPIENTS = st.builds(Recipient, id=st.just(5), email=ADDRESSES, name=TYPED)
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=200).filter(str.strip)
EXTRA = st.lists(
    st.tuples(st.sampled_from(["List-Owner", "list-post", "X-A", "Subject-X"]), PRINTABLE), max_size=4
)
ISSUE_HEADERS = st.builds(
    lambda sender, title, url, extra: replace(
        HEADERS, sender_name=sender, list_name=title, help_url=url, archive_url=url, extra=tuple(extra)
    ),
    TYPED,
    TYPED,
    URLS,
    EXTRA,
)


@settings(max_examples=60, deadline=None)
@given(RENDERINGS, ISSUE_HEADERS, RECIPIENTS, URLS, TYPED)
def test_both_signatures_verify(
    shown: Rendering, headers: IssueHeaders, recipient: Recipient, url: str, since: str
) -> None:
    message = signed(shown, headers, recipient, url=url, since=since)
    assert verdicts(message) == [True, True]
    there = re.findall(r"(?m)^([A-Za-z-]+):", message.partition(b"\r\n\r\n")[0].decode())
    lists = [name.lower() for name in there if name.lower().startswith("list-")]
    assert sorted(name for name in named(message) if name.startswith("list-")) == sorted(
        [*lists, "list-unsubscribe", "list-unsubscribe-post"]
    )


@settings(deadline=None)
@given(RENDERINGS, RECIPIENTS, URLS, TYPED)
def test_a_body_is_its_own_canonical_form(
    shown: Rendering, recipient: Recipient, url: str, since: str
) -> None:
    body = signed(shown, recipient=recipient, url=url, since=since, keys=[]).partition(b"\r\n\r\n")[2]
    assert Relaxed.canonicalize_body(body) == body


@settings(max_examples=60, deadline=None)
@given(RENDERINGS, RECIPIENTS, st.integers(min_value=0), st.integers(0, 255))
def test_any_other_octet_in_the_body_breaks_both(
    shown: Rendering, recipient: Recipient, at: int, octet: int
) -> None:
    head, _, body = signed(shown, recipient=recipient).partition(b"\r\n\r\n")
    place = at % len(body)
    # Verifiers disagree about a CR or LF that stands alone.
    assume(body[place] not in b"\r\n" and octet not in b"\r\n")
    other = body[:place] + bytes([octet]) + body[place + 1 :]
    same = Relaxed.canonicalize_body(other) == body
    assert verdicts(head + b"\r\n\r\n" + other) == [same, same]
