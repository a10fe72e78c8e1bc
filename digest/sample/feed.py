"""The sample site's feed and pages, as a WordPress would write them, with the troubles of real ones. Pure.

RSS 2.0 with the content, dc, slash and media modules. Touches no clock or network: `now` is given, and
every date is told from it, so that the site is always three days old.
"""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape, unescape

from digest.sample import stories
from digest.sample.stories import DAY, NAME, SITE, UPLOADS, Story, picture

__all__ = ["SITE", "feed", "later", "newest", "page", "picture"]

# WordPress cuts its own excerpts at this many words.
EXCERPT_WORDS = 55

_CHANNEL = """\
<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
	xmlns:content="http://purl.org/rss/1.0/modules/content/"
	xmlns:wfw="http://wellformedweb.org/CommentAPI/"
	xmlns:dc="http://purl.org/dc/elements/1.1/"
	xmlns:atom="http://www.w3.org/2005/Atom"
	xmlns:slash="http://purl.org/rss/1.0/modules/slash/"
	xmlns:media="http://search.yahoo.com/mrss/">
<channel>
	<title>{name}</title>
	<atom:link href="{base}/feed/" rel="self" type="application/rss+xml" />
	<link>{base}</link>
	<description>All the news that the tide brings in</description>
	<lastBuildDate>{built}</lastBuildDate>
	<language>en-US</language>
{items}
</channel>
</rss>
"""
_ITEM = """\
	<item>
		<title>{title}</title>
		<link>{link}</link>
		<comments>{link}#respond</comments>
		<dc:creator><![CDATA[{author}]]></dc:creator>
		<pubDate>{published}</pubDate>
{categories}
		<guid isPermaLink="false">{base}/?p={id}</guid>
		<description><![CDATA[{description}]]></description>
		<content:encoded><![CDATA[{content}]]></content:encoded>
		<wfw:commentRss>{link}feed/</wfw:commentRss>
		<slash:comments>{comments}</slash:comments>
{media}	</item>"""
_TAIL = '<p>The post <a href="{link}">{title}</a> appeared first on <a href="{base}">{name}</a>.</p>'
_LOCKED_EXCERPT = "There is no excerpt because this is a protected post."
_LOCKED_BODY = """\
<form action="{base}/wp-login.php?action=postpass" class="post-password-form" method="post">
<p>To read this, tell us the password:</p>
<p><label>Password: <input name="post_password" type="password" size="20" /></label>
<input type="submit" name="Submit" value="Enter" /></p></form>
"""
_PAGE = """\
<!DOCTYPE html>
<html lang="en-US">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="alternate" type="application/rss+xml" title="{name}" href="{base}/feed/">
<meta property="og:title" content="{title}">
{image}<style>
body {{ max-width: 42rem; margin: 2rem auto; padding: 0 1rem; font: 1.1rem/1.6 Georgia, serif; color: #222 }}
img {{ max-width: 100%; height: auto }} figure {{ margin: 1.5rem 0 }} a {{ color: #0b5568 }}
</style>
</head>
<body>
<p><a href="{base}/">{name}</a></p>
<h1>{title}</h1>
<p>By {author}</p>
{body}</body>
</html>
"""


def feed(now: datetime, base_url: str) -> bytes:
    """Give the feed of three days, the newest story forty minutes before `now` (aware)."""
    return _channel([(story, now) for story in stories.first()], base_url)


def later(now: datetime, base_url: str) -> bytes:
    """Give the feed a day after the first: four new stories dated before `now` (aware), the rest a day older.

    `later(now + DAY, …)` keeps every date of `feed(now, …)`.
    """
    new = [(story, now) for story in stories.later()]
    return _channel(new + [(story, now - DAY) for story in stories.first()], base_url)


def newest(now: datetime, *, later: bool = False) -> datetime:
    """Give when the newest story of `feed(now, …)`, or of `later(now, …)`, was published."""
    return (stories.later() if later else stories.first())[0].published_at(now)


def page(slug: str, base_url: str = SITE) -> str:
    """Give a story's own page, with its `og:image` where it has a picture.

    Raises KeyError where there is no such story.
    """
    story, base = stories.story(slug), base_url.rstrip("/")
    image = f'<meta property="og:image" content="{base}{UPLOADS}{story.picture}">\n' if story.picture else ""
    return _PAGE.format(
        base=base,
        name=NAME,
        title=escape(_title(story)) or NAME,
        author=escape(story.author),
        image=image,
        body=_body(story, base),
    )


def _channel(dated: list[tuple[Story, datetime]], base_url: str) -> bytes:
    base = base_url.rstrip("/")
    story, now = dated[0]
    text = _CHANNEL.format(
        name=NAME,
        base=base,
        built=_rfc822(story.published_at(now)),
        items="\n".join(_item(story, now, base) for story, now in dated),
    )
    return text.encode()


def _item(story: Story, now: datetime, base: str) -> str:
    link = f"{base}/{story.slug}/"
    title = story.raw_title or _entities(_title(story))
    tail = _TAIL.format(link=link, title=title, base=base, name=NAME)
    excerpt = _LOCKED_EXCERPT if story.protected else story.excerpt or _first_words(story.body)
    return _ITEM.format(
        base=base,
        link=link,
        id=story.id,
        title=title,
        author=story.author,
        published=_rfc822(story.published_at(now)),
        categories="\n".join(f"\t\t<category><![CDATA[{name}]]></category>" for name in story.categories),
        description=f"<p>{excerpt}</p>\n{tail}",
        content=_body(story, base) + tail,
        comments=story.comments,
        media=_media(story, base),
    )


def _body(story: Story, base: str) -> str:
    return _LOCKED_BODY.format(base=base) if story.protected else story.body.replace(SITE, base)


def _title(story: Story) -> str:
    return f"Protected: {story.title}" if story.protected else story.title


def _media(story: Story, base: str) -> str:
    lines = ""
    for tag, shown in (("media:content", story.media), ("media:thumbnail", story.thumbnail)):
        if shown:
            kind = ' medium="image" type="image/jpeg"' if tag == "media:content" else ""
            url = f"{base}{UPLOADS}{shown.picture}"
            lines += f'\t\t<{tag} url="{url}" width="{shown.width}" height="{shown.height}"{kind} />\n'
    if story.enclosure:
        url, length = f"{base}{UPLOADS}{story.enclosure}", len(picture(story.enclosure))
        lines += f'\t\t<enclosure url="{url}" length="{length}" type="image/jpeg" />\n'
    return lines


def _first_words(body: str) -> str:
    """Give the first words of a body, cut in the middle of its sentence as WordPress does."""
    words = unescape(re.sub(r"<[^>]+>", " ", body)).split()
    cut = " [&hellip;]" if len(words) > EXCERPT_WORDS else ""
    return escape(" ".join(words[:EXCERPT_WORDS]), quote=False) + cut


def _entities(text: str) -> str:
    """Write a title as WordPress does: `&#038;`, and a number for whatever is not ASCII."""
    escaped = escape(text, quote=False).replace("&amp;", "&#038;")
    return escaped.encode("ascii", "xmlcharrefreplace").decode()


def _rfc822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC))
