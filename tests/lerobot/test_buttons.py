"""The events of LeRobot's teleoperators, such as the buttons of a game pad, end and label takes."""

from __future__ import annotations

import json

from robotdata.spool import Take
from tests.lerobot.conftest import ArmRig


def hold(rig: ArmRig, *names: str) -> None:
    """Hold these buttons of the leader, and no other."""
    whole = rig.folder / "buttons.json"
    part = whole.with_suffix(".part")
    part.write_text(json.dumps(names))
    part.replace(whole)


async def test_success_failure_and_intervention_are_those_of_the_leaders_buttons(rig: ArmRig) -> None:
    hold(rig)
    rig.teleoperator |= {"type": "buttoned_leader", "buttons": str(rig.folder / "buttons.json")}
    ends = {}
    async with rig.running():
        await rig.until("idle")
        for outcome, button in (("success", "success"), ("failure", "terminate_episode")):
            take = await rig.record(5)
            hold(rig, "is_intervention")
            await rig.more(5)
            hold(rig, button)
            ends[outcome] = await rig.kept(take)
            hold(rig)
            await rig.until("idle")
    for outcome, manifest in ends.items():
        assert manifest["end_reason"] == "stop"
        assert manifest["curation"]["labels"] == [outcome]
        with Take.open(rig.spool / manifest["id"]) as opened:
            flags = opened.column("intervention").reshape(-1).astype(bool).tolist()
        assert not flags[0] and any(flags)
