"""The pages in a process of their own, beside a service that serves none."""

import signal
from pathlib import Path

import httpx2
from cli_site import Site
from plain import PLAIN


def test_the_pages_stand_beside_a_service_and_both_end_when_told(tmp_path: Path) -> None:
    site = Site(tmp_path).begin()
    service = site.process("run", "--no-pages")
    pages = site.process("serve", "--port", "0", "--host", "127.0.0.1")
    try:
        assert pages.stdout is not None
        said = pages.stdout.readline()
        assert said.startswith("Reader pages: http://127.0.0.1:")
        url = said.split()[2].rstrip(",")
        with httpx2.Client(base_url=url, trust_env=False, verify=PLAIN) as client:
            assert client.get("/readyz").json() == {"ready": True, "trouble": ""}
            assert client.get("/api/changes").status_code == 401
        assert service.poll() is None
    finally:
        for process in (pages, service):
            process.send_signal(signal.SIGTERM)
    for process in (pages, service):
        process.communicate(timeout=30)
    assert pages.returncode == 0
    # It may not have come to where it waits for signals.
    assert service.returncode in {0, -signal.SIGTERM}
