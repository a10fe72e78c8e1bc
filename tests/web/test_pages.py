import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from web_site import LEAVE, RETURN, Site, pages, serving

from digest.errors import RenderError
from digest.store import installation
from digest.store.database import Store
from digest.web.app import app
from digest.web.leaving import masked

SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


async def every_page(site: Site) -> dict[str, str]:
    """The HTML of each kind of page, by what it is."""
    client = site.client
    return {
        "leave": (await client.get(site.link())).text,
        "left": (await client.post(site.link(), data=LEAVE)).text,
        "back": (await client.post(site.link(), data=RETURN)).text,
        "erased": (await client.get(site.link(4711))).text,
        "moved": (await client.get(site.link(address_version=9))).text,
        "test": (await client.get(site.link(kind=2))).text,
        "damaged": (await client.get("/u/nothing")).text,
        "unclear": (await client.post(site.link())).text,
        "missing": (await client.get("/nowhere")).text,
        "method": (await client.put("/")).text,
        "home": (await client.get("/")).text,
    }


async def test_health_names_the_installation(store: Store) -> None:
    async with serving(store) as site:
        answer = await site.client.get("/healthz")
        with store.read() as session:
            assert answer.json() == {"installation": installation.uid(session)}
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert (await site.client.head("/healthz")).status_code == 200


async def test_health_fails_with_the_database(store: Store) -> None:
    async with serving(store) as site:
        with store.write() as session:
            session.connection().exec_driver_sql("ALTER TABLE installation RENAME TO elsewhere")
        assert (await site.client.get("/healthz")).status_code == 503


@SQLITE
async def test_every_answer_is_guarded_and_sets_no_cookie(store: Store) -> None:
    async with serving(store) as site:
        for method, path in (
            ("GET", site.link()),
            ("HEAD", site.link()),
            ("POST", site.link()),
            ("GET", "/u/damaged"),
            ("GET", "/"),
            ("GET", "/healthz"),
            ("GET", "/robots.txt"),
            ("GET", "/style.css"),
            ("GET", "/docs"),
            ("GET", "/openapi.json"),
            ("PUT", "/"),
        ):
            headers = (await site.client.request(method, path)).headers
            assert headers["content-security-policy"] == (
                "default-src 'none'; style-src 'self'; form-action 'self'; "
                "frame-ancestors 'none'; base-uri 'none'"
            )
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-robots-tag"] == "noindex, nofollow"
            assert "set-cookie" not in headers
            assert "server" not in headers
            if path.startswith("/u/"):
                assert headers["cache-control"] == "no-store"


@SQLITE
async def test_pages_ask_nobody_else_for_anything_and_run_no_script(store: Store) -> None:
    async with serving(store) as site:
        for text in (await every_page(site)).values():
            assert re.findall(r"(?:src|action|srcset|poster|data)=", text) == []
            assert "<script" not in text
            assert "style=" not in text
            assert re.findall(r"<link [^>]*href=\"([^\"?]*)", text) == ["/style.css"]


@SQLITE
async def test_every_page_has_landmarks_a_title_and_a_way_to_a_person(store: Store) -> None:
    async with serving(store) as site:
        for name, text in (await every_page(site)).items():
            assert text.count("<main>") == text.count("<h1>") == text.count("<footer>") == 1, name
            assert re.search(r"<title>[^<>]*\S · The Harbour Ledger</title>", text), name
            assert "mailto:editor@ledger.example" in text, name


@SQLITE
async def test_the_stylesheet_is_cached_by_its_content_and_has_the_sites_colour(store: Store) -> None:
    async with serving(store, lambda pages: replace(pages, accent="#7a1f2b")) as site:
        href = re.findall(r'href="(/style\.css[^"]*)"', (await site.client.get("/")).text)[0]
        answer = await site.client.get(href)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert "--accent:#7a1f2b" in answer.text
    assert "prefers-color-scheme:dark" in answer.text
    assert "http" not in answer.text


@SQLITE
async def test_pages_under_a_path_find_their_stylesheet_there(store: Store) -> None:
    async with serving(store, lambda pages: replace(pages, public_url="https://x.example/news/")) as site:
        assert 'href="/news/style.css?v=' in (await site.client.get(site.link())).text


@SQLITE
async def test_robots_are_asked_to_stay_away(store: Store) -> None:
    async with serving(store) as site:
        assert (await site.client.get("/robots.txt")).text == "User-agent: *\nDisallow: /\n"


@SQLITE
async def test_there_is_no_documentation_endpoint_and_no_redirect(store: Store) -> None:
    async with serving(store) as site:
        for path in ("/docs", "/redoc", "/openapi.json", "/healthz/", "/u"):
            assert (await site.client.get(path)).status_code == 404


@SQLITE
async def test_what_a_site_calls_itself_is_text_and_never_markup(store: Store) -> None:
    name = '<script>alert("x")</script>'
    async with serving(
        store, lambda pages: replace(pages, site_name=name, titles={"daily": name, "weekly": name})
    ) as site:
        for text in (await every_page(site)).values():
            assert "<script" not in text


@SQLITE
async def test_a_bug_is_a_page_without_its_trace(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> datetime:
        raise ZeroDivisionError("the secret of the bug")

    async with serving(store, lambda pages: replace(pages, clock=broken)) as site:
        answer = await site.client.get(site.link())
    assert answer.status_code == 500
    assert "our side" in answer.text
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers
    assert "the secret of the bug" in caplog.text


@SQLITE
async def test_a_sites_own_template_stands_in_for_the_shipped_one_alone(store: Store, tmp_path: Path) -> None:
    own = tmp_path / "templates" / "web"
    own.mkdir(parents=True)
    (own / "left.html.j2").write_text(
        '{% extends "shipped/left.html.j2" %}{% block heading %}Tschüss, {{ newsletter }}{% endblock %}'
    )
    async with serving(store, lambda pages: replace(pages, site_templates=tmp_path / "templates")) as site:
        assert "Leave" in (await site.client.get(site.link())).text
        assert "Tschüss, The Daily Ledger" in (await site.client.post(site.link(), data=LEAVE)).text


@SQLITE
@pytest.mark.parametrize("wrong", ["{% if %}", "{{ nobody.knows }}", '{% extends "absent.html.j2" %}'])
def test_a_wrong_template_is_found_at_the_start_and_named(store: Store, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "left.html.j2").write_text(wrong)
    with pytest.raises(RenderError, match=r"templates/web/left\.html\.j2"):
        app(pages(store, site_templates=tmp_path))


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("rosa@mail.example", "r•••@mail.example"),
        ("x@mail.example", "•••@mail.example"),
        ("zoë@mail.example", "z•••@mail.example"),
    ],
)
def test_an_address_is_masked(email: str, shown: str) -> None:
    assert masked(email) == shown
