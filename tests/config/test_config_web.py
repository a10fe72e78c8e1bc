from pathlib import Path

import pytest

from digest.config import Settings, load
from digest.errors import ConfigError

CONFIG = """
[site]
name = "The Harbour Ledger"
url = "https://ledger.example"
feeds = ["https://ledger.example/feed/"]
timezone = "Europe/Berlin"
postal_address = "12 Quay Street"
contact = "editor@ledger.example"
[[newsletter]]
name = "daily"
schedule = "0 7 * * *"
[mail]
from = "news@ledger.example"
[web]
"""


def read(tmp_path: Path, *lines: str, **environ: str) -> Settings:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG + "\n".join(lines), encoding="utf-8")
    return load(config, environ)


def test_proxies_are_read_in_their_one_form(tmp_path: Path) -> None:
    web = read(tmp_path, 'proxies = [" 10.0.0.0/8", "::0001"]').web
    assert web.proxies == ("10.0.0.0/8", "::1")
    assert read(tmp_path, DIGEST_WEB__PROXIES="192.0.2.1,2001:db8::/32").web.proxies == (
        "192.0.2.1",
        "2001:db8::/32",
    )


@pytest.mark.parametrize("proxy", ["*", "proxy.example", "10.0.0.1/8", "", "10.0.0.0/33"])
def test_what_is_no_address_or_network_is_no_proxy(tmp_path: Path, proxy: str) -> None:
    with pytest.raises(ConfigError, match="IP address or a network"):
        read(tmp_path, f'proxies = ["{proxy}"]')


def test_browsers_cannot_be_held_to_an_https_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hsts_days: needs a public_url with https"):
        read(tmp_path, 'public_url = "http://news.ledger.example"', "hsts_days = 365")
    web = read(tmp_path, 'public_url = "https://news.ledger.example"', "hsts_days = 365").web
    assert web.hsts_days == 365
