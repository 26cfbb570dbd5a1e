"""`robotdata edit` for time and pictures: what each change says, does and refuses."""

from __future__ import annotations

from robotdata.dataset import DatasetFolder, verify_dataset
from tests.dataset.conftest import FRONT, LENGTHS, Bench, _recorded, six, staged  # noqa: F401 - fixtures
from tests.support.command_line import run_command


def test_each_change_says_what_it_does_and_does_it(six: Bench) -> None:  # noqa: F811
    before, total = six.fingerprint(), sum(LENGTHS)
    fast = ("--codec", "h264", "--preset", "ultrafast")
    code, text = run_command(six.home, "edit", "cubes", "reencode", "front", *fast, "--crf", "30", "--dry-run")
    assert code == 0 and f"6 episodes, {total} frames" in text and f"{total} frames are encoded" in text, text
    assert six.fingerprint() == before
    for words in (
        ("reorder", "5,1"),
        ("cut", "2:6", "0"),
        ("reencode", "front", *fast, "--g", "10"),
        ("drop-frames", "2", *fast),
        ("to-images", "front"),
        ("to-videos", "front", *fast),
    ):
        code, text = run_command(six.home, "edit", "cubes", *words)
        assert code == 0, text
    dataset = DatasetFolder.open(six.root)
    # Episode 5 (8 frames) came first and lost 4 in its middle; then every second frame was dropped.
    assert [episode.length for episode in dataset.episodes] == [1, 1, 4, 3, 2, 3, 2]
    assert (dataset.fps, dataset.revision) == (15, 9)
    assert verify_dataset(six.root, deep=True).problems == []
    assert list(six.places["work"].iterdir()) == []
    for words in (
        ("reorder", "newest"),
        ("cut", "0:1", "0"),
        ("reencode", "side"),
        ("reencode", FRONT, "--codec", "x"),
    ):
        code, text = run_command(six.home, "edit", "cubes", *words)
        assert code == 1 and text.strip(), words
    assert DatasetFolder.open(six.root).revision == 9
