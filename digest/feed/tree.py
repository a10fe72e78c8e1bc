"""Walks HTML trees without recursion: strangers nest as deep as they like.

lexbor frees a dropped subtree at once, so nothing here looks at a node after its ancestor was dropped.
"""

from collections.abc import Callable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.feed.text import tidy

# Characters of one body that are looked at, some 150,000 words; what feeds carry beyond it is an accident.
_LONGEST = 1_000_000


def names(line: str) -> frozenset[str]:
    """Give the names of tags or classes that a line holds."""
    return frozenset(line.split())


_BLOCKS = names(
    "address article aside blockquote br center dd details div dl dt fieldset figure footer header hr li main"
    " nav ol p pre section summary table td th tr ul"
)
# What stands beside the running text and reads badly in the middle of an excerpt.
_ASIDE = names("figcaption h1 h2 h3 h4 h5 h6")
# An attribute on what we put in ourselves.
OWN = "data-own"


def parsed(html: str) -> tuple[LexborHTMLParser, LexborNode]:
    """Give a tree and its body. The tree owns the memory: keep it as long as the body."""
    # With the body opened first, a leading <noscript>, <style> or <link> does not move to the head.
    tree = LexborHTMLParser("<!doctype html><body>" + html[:_LONGEST])
    body = tree.body
    assert body is not None  # lexbor makes one for any document
    return tree, body


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
