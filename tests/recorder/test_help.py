"""The help: every page is there, its links lead somewhere, its markup is safe, and the search finds places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client

from recorder.manual import pages
from recorder.manual.markdown import render_markdown, slug_of
from recorder.manual.packages import Package, licence_of, packages_of

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_page_of_the_docs_is_in_the_help_or_left_out_on_purpose() -> None:
    written = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert written == (pages.SUMMARIES.keys() - {pages.CHANGES}) | pages.FOR_DEVELOPERS & written
    assert {page.slug for _, group in pages.groups_of_pages(ROOT) for page in group} == pages.SUMMARIES.keys()


def test_links_between_pages_lead_to_headings_that_exist() -> None:
    known = pages.all_pages(ROOT)
    anchors = {slug: set(re.findall(r'id="([^"]+)"', page.body.html)) for slug, page in known.items()}
    checked = 0
    for slug, page in known.items():
        for href in re.findall(r'href="([^"]+)"', page.body.html):
            if href.startswith("http"):
                continue
            path, _, anchor = href.partition("#")
            target = path.removeprefix("/help/").strip("/") if path else slug
            assert target in known and (not anchor or anchor in anchors[target]), f"{slug}: {href}"
            checked += 1
    assert checked > 40


def test_no_page_has_styles_scripts_or_headings_twice() -> None:
    for page in pages.all_pages(ROOT).values():
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|<img", page.body.html), page.slug
        ids = re.findall(r'id="([^"]+)"', page.body.html)
        assert len(ids) == len(set(ids)), page.slug


def test_markup_that_people_write_stays_text() -> None:
    source = "# A <b>\n\n<script>alert(1)</script> [x](javascript:alert(1)) [out](../bench/x.md) ![seen](a.png)\n"
    source += "\n| a | b |\n|---|--:|\n| 1 | <i>2</i> |\n"
    html = render_markdown(source, lambda href: None).html
    assert "<script" not in html and "<i>" not in html and "href" not in html and "<img" not in html
    assert "out" in html and "seen" in html
    assert '<td class="num">&lt;i&gt;2&lt;/i&gt;</td>' in html


def test_a_heading_that_stands_twice_gets_a_second_anchor() -> None:
    sections = render_markdown("# A\n\n## Use `it`, now\n\nwords\n\n## Use `it`, now\n", str).sections
    assert [(each.level, each.anchor) for each in sections] == [(1, "a"), (2, "use-it-now"), (2, "use-it-now-1")]
    assert sections[1].text == "words" and slug_of("The end, and the rest pose") == "the-end-and-the-rest-pose"


def test_search_finds_places_that_have_every_word_and_headings_first() -> None:
    known = pages.all_pages(ROOT).values()
    found = pages.search(known, "emergency STOP").places
    assert "emergency stop" in found[0].section.heading.lower()
    words = "".join(text for text, _ in found[0].snippet)
    assert len(words) < pages.SNIPPET_LENGTH + 20
    assert pages.search(known, "emergency xyzzy").places == pages.search(known, "  ").places == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("calibrtion", "calibration"), ("emergncy stop", "emergency stop"), ("reveiw keys", "review keys")],
)
def test_a_mistyped_word_finds_what_was_meant(typed: str, meant: str) -> None:
    known = pages.all_pages(ROOT).values()
    found, wanted = pages.search(known, typed), pages.search(known, meant)
    assert found.places and found.places == wanted.places
    assert dict(zip(typed.split(), meant.split(), strict=True)).items() >= found.taken.items()
    assert typed.split()[0] in found.taken and not wanted.taken


@pytest.mark.parametrize("typed", ["gloves", "unitree", "humanoid", "joystick"])
def test_a_word_of_another_meaning_is_not_taken_for_it(typed: str) -> None:
    found = pages.search(pages.all_pages(ROOT).values(), typed)
    assert found.places == [] and found.taken == {}


def test_the_page_says_which_word_was_taken(person: Client) -> None:
    page = person.get("/help/", {"q": "calibrtion"}).text
    assert "Nothing has “calibrtion”; these have “calibration”." in page
    assert "Nothing has" not in person.get("/help/", {"q": "calibration"}).text
    both = person.get("/help/", {"q": "emergncy calibrtion"}).text
    assert "Nothing has “emergncy” or “calibrtion”; these have “emergency” and “calibration”." in both


def test_the_pages_are_shown_and_unknown_ones_are_not(person: Client) -> None:
    assert "First steps" in person.get("/help/").text
    found = person.get("/help/", {"q": "push hub"}).text
    assert re.search(r'href="/help/sharing/#[\w-]+"', found) and "<mark>" in found
    assert "Nothing found" in person.get("/help/", {"q": "<xyzzy>" * 99}).text
    for slug in pages.SUMMARIES:
        page = person.get(f"/help/{slug}/")
        assert (page.status_code, page.text.count("<h1")) == (200, 1), slug
    for slug in ("nothing", "..", "faults"):
        assert person.get(f"/help/{slug}/").status_code == 404


def test_strangers_see_no_help(client: Client, db: None) -> None:
    for url in ("/help/", "/help/devices/", "/about/"):
        assert client.get(url).headers["Location"] == f"/sign-in/?next={url}"


def test_about_names_version_licences_and_what_is_new(person: Client) -> None:
    page = person.get("/about/").text
    newest = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None and newest[1] in page
    assert re.search(r"<td>Django</td><td class=\"num\">5\.2[\d.]*</td><td>BSD-3-Clause</td>", page)
    assert "htmx.org" in page and "pytest" not in page


def test_every_package_that_is_needed_names_a_licence() -> None:
    used = packages_of("no-such-distribution", ROOT, ROOT / "static/vendor/README.md")
    assert {"Django", "av", "markdown-it-py", "uvicorn", "uplot"} <= {package.name for package in used}
    assert [package for package in used if package.licence == "–"] == []
    assert used == sorted(used, key=lambda package: package.name.casefold())
    assert isinstance(used[0], Package)


def test_the_licence_is_an_expression_else_classifiers_else_a_line() -> None:
    from email.message import Message

    fields = Message()
    assert licence_of(fields) == "–"  # type: ignore[arg-type]
    fields["License"] = "MIT\nand more"
    assert licence_of(fields) == "MIT"  # type: ignore[arg-type]
    fields["Classifier"] = "License :: OSI Approved :: BSD License"
    assert licence_of(fields) == "BSD"  # type: ignore[arg-type]
    fields["License-Expression"] = "0BSD"
    assert licence_of(fields) == "0BSD"  # type: ignore[arg-type]


def test_the_menu_leads_to_help_keys_api_about_and_account(person: Client) -> None:
    page = person.get("/").text
    menu = page[page.index('id="menu"') : page.index("</form>", page.index('id="menu"'))]
    assert re.findall(r'<a href="([^"]+)"', menu) == ["/help/", "/keys/", "/api/docs", "/about/", "/account/"]
    for url in ("/help/", "/keys/", "/api/docs", "/about/", "/account/"):
        assert re.search(rf'href="{url}" aria-current="page"', person.get(url).text), url


def test_the_wheel_carries_the_pages() -> None:
    import tomllib

    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build["force-include"]["docs"] == "robotdata/web_files/docs"
    assert build["force-include"]["CHANGELOG.md"] == "robotdata/web_files/CHANGELOG.md"
