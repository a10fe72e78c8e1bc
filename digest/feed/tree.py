"""Walks HTML trees without recursion: strangers nest as deep as they like.

lexbor frees a dropped subtree at once, so nothing here looks at a node after its ancestor was dropped.
"""

import re
from collections.abc import Callable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.feed.text import tidy


def names(line: str) -> frozenset[str]:
    """Give the names of tags or classes that a line holds."""
    return frozenset(line.split())


# Characters of one body that are looked at, some 50,000 words; the rest of a longer one is an accident.
_LONGEST = 300_000

# Pictures written out in an attribute, megabytes long; mail programs do not show them.
_INLINE_DATA = re.compile(r"data:[\w/+.-]{1,80};base64,[A-Za-z0-9+/=\s]*")

# Open elements at once, as in browsers. Parsers' time grows with the square: 60,000 took 6 s, 500 nothing.
_DEEPEST = 500
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*+)[^<>]*+>")
# Their end tags are left out often, or always.
_UNCLOSED = names("p li td th tr dt dd br hr img input source wbr col")

_BLOCKS = names(
    "address article aside blockquote br center dd details div dl dt fieldset figure footer header hr li main"
    " nav ol p pre section summary table td th tr ul"
)
# What stands beside the running text and reads badly in the middle of an excerpt.
_ASIDE = names("figcaption h1 h2 h3 h4 h5 h6")
# An attribute on what is no running text: the lines that we put in, and what `aside` marks.
OWN = "data-own"


def trimmed(html: str) -> str:
    """Give what is looked at of a piece of HTML: no pictures written out in it, and a bounded length."""
    return _INLINE_DATA.sub("data:,", html)[:_LONGEST]


def parsed(html: str) -> LexborNode:
    """Give the body of a piece of HTML."""
    short = _shallow(trimmed(html))
    # With the body opened first, a leading <noscript>, <style> or <link> does not move to the head.
    body = LexborHTMLParser("<!doctype html><body>" + short).body
    assert body is not None  # lexbor makes one for any document
    return body


def _shallow(html: str) -> str:
    """Leave out the tags that open an element deeper than any reader's eye goes."""
    if html.count("<") < _DEEPEST:
        return html
    depth = 0

    def kept(match: re.Match[str]) -> str:
        nonlocal depth
        if match[2].lower() not in _UNCLOSED:
            depth = max(0, depth - 1) if match[1] else depth + 1
        return "" if depth > _DEEPEST and not match[1] else match[0]

    return _TAG.sub(kept, html)


def prune(root: LexborNode, doomed: Callable[[LexborNode], bool]) -> None:
    """Drop every subtree whose top is doomed. The judge may insert nodes before the one it dooms."""
    node = root.first_child
    while node is not None:
        if doomed(node):
            after = _after(node, root)
            node.decompose()
            node = after
        else:
            node = node.first_child or _after(node, root)


def _after(node: LexborNode, root: LexborNode) -> LexborNode | None:
    """Give the node that follows this one's subtree."""
    current: LexborNode | None = node
    while current is not None and current.mem_id != root.mem_id:
        if current.next is not None:
            return current.next
        current = current.parent
    return None


def _steps(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Visit each node twice, entering (True) and leaving."""
    node = root.first_child
    while node is not None:
        yield node, True
        if node.first_child is not None and node.tag not in _ASIDE and OWN not in node.attributes:
            node = node.first_child
            continue
        while True:
            yield node, False
            if node.next is not None:
                node = node.next
                break
            parent = node.parent
            if parent is None or parent.mem_id == root.mem_id:
                return
            node = parent


def running_text(root: LexborNode) -> tuple[str, ...]:
    """Give the paragraphs, one line each, without headings, captions and our own lines."""
    paragraphs: list[str] = []
    pieces: list[str] = []
    for node, entering in _steps(root):
        if node.tag in _BLOCKS or node.tag in _ASIDE:
            paragraphs.append("".join(pieces))
            pieces.clear()
        elif entering and node.is_text_node:
            pieces.append(node.text_content or "")
    paragraphs.append("".join(pieces))
    return tuple(line for line in map(tidy, paragraphs) if line)
