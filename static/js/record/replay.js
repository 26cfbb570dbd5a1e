// What a replay does: how far it is, and how far the teleoperator is from the robot before it drives again.
import { say, show } from "../lib/dom.js";

const PHASES = {
  waiting: "Waiting for a page that shows it",
  approach: "Moving slowly to the first pose",
  playing: "Playing the recording",
  rest: "Moving to the rest pose",
  done: "The robot holds still",
};
const byId = (id) => document.getElementById(id);

export class Replay {
  show({ replay }) {
    show(byId("replay"), Boolean(replay));
    if (!replay) return;
    const last = Math.max(1, replay.rows - 1);
    say(byId("replay-phase"), PHASES[replay.phase] ?? replay.phase);
    say(byId("replay-row"), `row ${replay.row} of 0–${replay.rows - 1}`);
    byId("replay-bar").value = replay.row / last;
    say(byId("replay-speed"), `${Math.round(replay.speed * 100)}%`);
    say(byId("replay-episode"), replay.task || "An episode");
    byId("replay-episode").href = `/episodes/${replay.episode}/`;
    show(byId("replay-watched"), replay.phase !== "done" && replay.unwatched === false);
    const isAway = replay.phase === "done" && replay.away !== null && replay.away !== undefined;
    show(byId("replay-away"), isAway);
    if (isAway) say(byId("replay-away"), `The teleoperator is ${replay.away} away at ${replay.away_joint}: the robot will move there slowly once you let it drive.`);
  }
}
