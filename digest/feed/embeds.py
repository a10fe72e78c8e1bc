"""What mail cannot play becomes one linked line: where to watch or listen to it."""

import re
from urllib.parse import parse_qs, urlsplit

from selectolax.lexbor import LexborNode

from digest.feed.tree import OWN
from digest.feed.urls import absolute

TAGS = frozenset({"iframe", "embed", "object", "video", "audio"})

# Host's end → name and verb.
_KNOWN = {
    "youtube.com": ("YouTube", "Watch"),
    "youtube-nocookie.com": ("YouTube", "Watch"),
    "youtu.be": ("YouTube", "Watch"),
    "vimeo.com": ("Vimeo", "Watch"),
    "dailymotion.com": ("Dailymotion", "Watch"),
    "videopress.com": ("VideoPress", "Watch"),
    "tiktok.com": ("TikTok", "Watch"),
    "twitch.tv": ("Twitch", "Watch"),
    "spotify.com": ("Spotify", "Listen"),
    "soundcloud.com": ("SoundCloud", "Listen"),
    "bandcamp.com": ("Bandcamp", "Listen"),
    "podcasts.apple.com": ("Apple Podcasts", "Listen"),
    "twitter.com": ("X", "See it"),
    "x.com": ("X", "See it"),
    "instagram.com": ("Instagram", "See it"),
    "facebook.com": ("Facebook", "See it"),
    "bsky.app": ("Bluesky", "See it"),
    "reddit.com": ("Reddit", "See it"),
}
_YOUTUBE_PLAYER = re.compile(r"^/(?:embed|v|shorts|live)/([\w-]{11})(?:/|$)")
_VIMEO_PLAYER = re.compile(r"^/video/(\d{1,12})(?:/|$)")
_PLAYLIST = re.compile(r"[\w-]{1,64}")
_TWEET = re.compile(r"\d{1,20}")
# Characters.
_LONGEST_ALONE = 300


def line_for(node: LexborNode, base: str) -> LexborNode | None:
    """Give the line that takes the place of an embedded thing, None where nothing can be linked."""
    source = _source(node)
    url = absolute(source, base) if source else ""
    if not url:
        return None
    if node.tag in {"video", "audio"}:
        # The page plays its own files; the raw file would be a download.
        target = base or url
        invitation = f"{'Listen' if node.tag == 'audio' else 'Watch'} on {_host(target)}"
    else:
        invitation, target = _described(url)
    line, anchor = node.parser.create_node("p"), node.parser.create_node("a")
    line.attrs[OWN] = "embed"
    anchor.attrs["href"] = target
    anchor.insert_child(invitation)
    line.insert_child(anchor)
    return line


def lone_address(node: LexborNode) -> str:
    """Give the address that WordPress left as the only text of an embed block, else nothing."""
    child = node.first_child
    text = (child.text_content or "").strip() if child is not None and child.next is None else ""
    return text if len(text) < _LONGEST_ALONE and re.fullmatch(r"https?://\S+", text) else ""


def _source(node: LexborNode) -> str:
    attributes = node.attributes
    for name in ("data-src", "data-lazy-src", "src", "data"):
        value = attributes.get(name) or ""
        if value and not value.startswith(("about:", "data:", "javascript:")):
            return value
    inner = node.css_first("source[src], embed[src], iframe[src]") if node.first_child else None
    return (inner.attributes.get("src") or "") if inner is not None else lone_address(node)


def _described(url: str) -> tuple[str, str]:
    """Give the invitation, and the address of the page in place of the player's."""
    host = _host(url)
    found = next((known for end, known in _KNOWN.items() if host == end or host.endswith(f".{end}")), None)
    if found is None:
        return f"See it on {host}", url  # a map, a form, a chart: nobody can tell
    name, verb = found
    return f"{verb} on {name}", _page(name, url)


def _page(name: str, url: str) -> str:
    parts = urlsplit(url)
    asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
    if name == "YouTube" and (video := _YOUTUBE_PLAYER.match(parts.path)) and video[1] != "videoseries":
        return f"https://www.youtube.com/watch?v={video[1]}"
    if name == "YouTube" and _PLAYLIST.fullmatch(asked.get("list", "")):
        return f"https://www.youtube.com/playlist?list={asked['list']}"
    if name == "Vimeo" and (video := _VIMEO_PLAYER.match(parts.path)):
        return f"https://vimeo.com/{video[1]}"
    if name == "X" and _TWEET.fullmatch(asked.get("id", "")):
        return f"https://x.com/i/status/{asked['id']}"
    return url.replace("/embed/", "/", 1) if name == "Spotify" else url


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")
