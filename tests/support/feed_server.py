"""A feed over HTTP whose stories a test adds, edits and takes away."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass
class FeedServer:
    """`with FeedServer() as feed:` serves `stories` (title → time) at `url`; `down` answers 500 instead."""

    stories: dict[str, datetime] = field(default_factory=dict)
    excerpt: str = "It froze."
    down: bool = False
    asked: int = 0

    def __enter__(self) -> Self:
        feed = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                feed.asked += 1
                body = b"broken" if feed.down else feed.body()
                self.send_response(500 if feed.down else 200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/feed/"

    def body(self) -> bytes:
        items = "".join(
            f"<item><title>{escape(title)}</title><link>https://ledger.example/{escape(slug(title))}/</link>"
            f'<guid isPermaLink="false">{escape(slug(title))}</guid>'
            f"<pubDate>{format_datetime(at)}</pubDate><description>{escape(self.excerpt)}</description></item>"
            for title, at in sorted(self.stories.items(), key=lambda story: story[1], reverse=True)
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Ledger</title>'
            f"<link>https://ledger.example</link>{items}</channel></rss>"
        ).encode()


def slug(title: str) -> str:
    return title.lower().replace(" ", "-")
