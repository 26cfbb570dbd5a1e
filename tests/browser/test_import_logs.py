"""A person imports raw logs: she looks into a folder, changes the mapping, sees what would come, and gets the takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.support.browser import Visit
from tests.support.desk_data import until_held
from tests.support.foreign import write_aloha

pytestmark = pytest.mark.browser


def test_logs_are_looked_at_mapped_and_become_takes(visit: Visit, tmp_path: Path) -> None:
    for number in range(2):
        write_aloha(tmp_path / f"episode_{number}.hdf5", rows=5 + number, episode=number)
    page = visit("/datasets/")
    page.get_by_role("button", name="Add a dataset").first.click()
    held: list[Route] = []
    page.route("**/js/import/page.js", lambda route: held.append(route))
    page.get_by_role("link", name="Import raw logs").click()
    broken = tmp_path / "broken.hdf5"
    broken.write_bytes(b"no HDF5")
    page.get_by_label("Paths").fill(str(broken))
    page.get_by_role("button", name="Look inside").click()  # before the script is here
    until_held(page, held, "")
    held[0].continue_()
    expect(page.get_by_role("alert")).to_contain_text("broken.hdf5 cannot be read as HDF5")

    broken.unlink()
    page.get_by_label("Paths").fill(str(tmp_path))
    page.get_by_role("button", name="Look inside").click()
    expect(page.get_by_role("status").filter(has_text="2 takes")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_label("Feature of /observations/qpos")).to_have_value("observation.state")
    expect(page.get_by_role("img", name="First picture of /observations/images/cam_high")).to_be_visible()
    expect(page.get_by_label("Rows a second")).to_have_value("50")
    speeds = page.get_by_role("listitem").filter(has=page.get_by_label("Feature of /observations/qvel"))
    expect(speeds).to_have_class("stream is-out")
    page.get_by_label("Feature of /observations/qvel").fill("observation.velocity")
    page.get_by_label("Feature of /observations/qvel").blur()
    expect(speeds).to_have_class("stream")
    page.get_by_label("Rows a second").fill("10")
    page.get_by_label("Robot").click()
    expect(page.get_by_text("5 rows · 0.5 s")).to_be_visible()

    page.get_by_label("Save this mapping as").fill("our arms")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The mapping is saved as our arms.")).to_be_visible()
    expect(page.get_by_text("no task is named")).to_be_visible()
    page.get_by_role("combobox", name="Dataset").fill("Pegs by page")
    page.get_by_role("textbox", name="Task").fill("insert the peg")
    page.get_by_role("button", name="Import 2 takes").click()
    expect(page.get_by_role("heading", name="Pegs by page")).to_be_visible()
    there = "() => fetch('/api/episodes?dataset=pegs-by-page').then((r) => r.json()).then((p) => p.items.length === 2)"
    page.wait_for_function(there, timeout=180_000, polling=500)  # the server has enough to do
    page.reload()  # takes that come while one looks are offered, not put in between
    expect(page.locator("#cards .take")).to_have_count(2)
    expect(page.locator("#cards .take").first).to_contain_text("insert the peg")

    again = visit("/import/")
    again.get_by_label("Paths").fill(str(tmp_path))
    again.get_by_label("Mapping", exact=True).select_option("our arms")
    again.get_by_role("button", name="Look inside").click()
    expect(again.get_by_label("Feature of /observations/qvel")).to_have_value("observation.velocity")


def test_what_was_seen_before_is_not_imported_in_the_place_of_what_is_looked_at(visit: Visit, tmp_path: Path) -> None:
    for name in ("small", "huge"):
        (tmp_path / name).mkdir()
        write_aloha(tmp_path / name / "episode_0.hdf5", rows=5, episode=0)
    page = visit("/import/")
    page.get_by_label("Paths").fill(str(tmp_path / "small"))
    page.get_by_role("button", name="Look inside").click()
    expect(page.get_by_role("button", name="Import 1 take")).to_be_visible()

    held: list[Route] = []
    page.route("**/api/imports/look", lambda route: held.append(route))
    page.get_by_label("Paths").fill(str(tmp_path / "huge"))
    page.get_by_role("button", name="Look inside").click()
    until_held(page, held, "")
    expect(page.get_by_role("button", name="Import 1 take")).to_be_hidden()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.get_by_role("button", name="Look inside")).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.unroute_all()
    page.get_by_role("button", name="Look inside").click()
    page.get_by_role("combobox", name="Dataset").fill("Huge one")
    with page.expect_request("**/api/imports") as sent:
        page.get_by_role("button", name="Import 1 take").click()
    assert sent.value.post_data_json["paths"] == [str(tmp_path / "huge")]
    expect(page.get_by_role("heading", name="Huge one")).to_be_visible()


def test_files_of_the_persons_computer_are_uploaded_and_imported(visit: Visit, tmp_path: Path) -> None:
    write_aloha(tmp_path / "episode_0.hdf5", rows=5, episode=0)
    write_aloha(tmp_path / "episode_1.hdf5", rows=6, episode=1)
    page = visit("/import/")
    page.get_by_role("button", name="Look inside").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose files")
    held: list[Route] = []
    page.route("**/api/additions/*/bytes?*", lambda route: held.append(route))
    page.get_by_label("Of this computer").set_input_files([tmp_path / f"episode_{n}.hdf5" for n in range(2)])
    page.get_by_role("button", name="Look inside").click()
    expect(page.get_by_text("Uploading episode_0.hdf5")).to_be_visible()
    until_held(page, held, "")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Uploading episode_0.hdf5")).to_be_hidden()
    page.unroute("**/api/additions/*/bytes?*")
    page.get_by_role("button", name="Look inside").click()
    expect(page.get_by_role("status").filter(has_text="2 takes")).to_be_visible()
    expect(page.get_by_text("episode_1.hdf5", exact=True)).to_be_visible()
    page.get_by_role("combobox", name="Dataset").fill("Pegs by upload")
    page.get_by_role("button", name="Import 2 takes").click()
    expect(page.get_by_role("heading", name="Pegs by upload")).to_be_visible()
    there = (
        "() => fetch('/api/episodes?dataset=pegs-by-upload').then((r) => r.json()).then((p) => p.items.length === 2)"
    )
    page.wait_for_function(there, timeout=180_000)
