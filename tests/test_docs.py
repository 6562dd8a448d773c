"""The documentation: its links lead somewhere, on a code host and on the site, and its pages are found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tools import docs_site

from .live import ROOT

PAGES = [*docs_site.PAGES, *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 250


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file_and_to_a_heading_in_it(page: str) -> None:
    for link in docs_site.links(text_of(page)):
        leads = docs_site.target(page, link)
        if leads is None:
            assert link.startswith(("https://", "http://127.0.0.1")), link
            continue
        path, anchor = leads
        assert (ROOT / path).is_file(), f"{page} links to {path}, which is not a file"
        if anchor:
            assert anchor in docs_site.headings(text_of(path)), f"{page} links to {path}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_no_two_headings_of_a_page_have_the_same_anchor_if_one_is_linked(page: str) -> None:
    anchors = docs_site.headings(text_of(page))
    led = {
        leads[1]
        for other in PAGES
        for link in docs_site.links(text_of(other))
        if (leads := docs_site.target(other, link)) is not None and leads[0] == page and leads[1]
    }
    assert {anchor for anchor in led if anchors.count(anchor) != 1} == set()


def test_every_page_is_in_the_navigation_of_the_site_and_in_the_readme_or_a_page_that_it_leads_to() -> None:
    nav = set(re.findall(r"([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert nav == {docs_site.place(page) for page in PAGES}
    linked = {
        leads[0] for link in docs_site.links(text_of("README.md")) if (leads := docs_site.target("README.md", link))
    }
    assert {page for page in PAGES if page not in linked} <= {"README.md", "SECURITY.md"}
    assert "../SECURITY.md" in docs_site.links(text_of("docs/security.md"))


def test_the_site_asks_for_no_fonts_and_fails_for_every_warning_of_a_link() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert config["theme"]["font"] is False
    assert set(config["validation"]["links"].values()) == {"warn"}
    # With --quiet there would be no warnings.
    assert re.search(r"mkdocs build --strict$", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_links_on_the_site_lead_to_its_pages_and_to_copies_of_other_files() -> None:
    def shown(source: str, text: str) -> str:
        return docs_site.rewritten(source, text)

    assert shown("README.md", "[a](docs/models.md#tool-calls)") == "[a](models.md#tool-calls)"
    assert shown("docs/errors.md", "[a](../README.md) [b](#codes)") == "[a](index.md) [b](#codes)"
    assert shown("SECURITY.md", "[a](docs/settings.md)") == "[a](settings.md)"
    assert shown("docs/errors.md", "[a](../app/errors.py)") == "[a](source/app/errors.py.txt)"
    assert (
        shown("ARCHITECTURE.md", "`app/errors.py: ApiError`") == "[`app/errors.py: ApiError`](source/app/errors.py.txt)"
    )
    assert shown("README.md", "[a](https://example.org/x.md)") == "[a](https://example.org/x.md)"
    code = "```sh\ncat [a](docs/models.md)\n```\nand `[a](docs/models.md)`"
    assert shown("README.md", code) == code


def test_what_a_page_loads_from_elsewhere_is_found() -> None:
    page = '<link rel="stylesheet" href="//cdn.example/a.css"><img src="a.png"><a href="https://example.org">x</a>'
    assert docs_site.foreign_loads({Path("a.html"): page}) == ["a.html loads //cdn.example/a.css"]
    style = '@import "https://example.org/b.css"; p { background: url(data:image/png;base64,AA) }'
    assert docs_site.foreign_loads({Path("a.css"): style}) == ["a.css loads https://example.org/b.css"]


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_commands_are_those_of_parley_and_one_page_tells_of_flask(page: str) -> None:
    assert ("flask --app wsgi" in text_of(page)) == (page == "docs/getting-started.md")
