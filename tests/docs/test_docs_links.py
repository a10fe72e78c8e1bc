"""Every link of a document leads somewhere."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from docs_markdown import DOCUMENTS, anchors, links, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_resolves(document: Path) -> None:
    for link in links(document):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (document.parent / parts.path).resolve() if parts.path else document
        assert target.exists(), link
        if parts.fragment:
            assert parts.fragment in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_to_elsewhere_is_encrypted(document: Path) -> None:
    assert not [link for link in links(document) if link.startswith("http:")]
