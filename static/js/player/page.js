// The player's page: brings the player and the reviewer together, and gives them their keys.
import { remembered } from "../lib/dom.js";
import { keys } from "../lib/keys.js";
import { undoLast } from "../lib/toast.js";
import { OneCamera } from "./one_camera.js";
import { Player } from "./player.js";
import { watchReplay } from "./replay.js";
import { Review } from "./review.js";
import { watchCut } from "./cut.js";
import { watchCutTake } from "./cut_take.js";
import { copyLink, followPause, frameAsked } from "./share.js";
import { Spans } from "./spans.js";
import { Typing } from "./typing.js";
import { watchAdvance } from "./verdict.js";

const details = () => document.getElementById("details").dataset;
const player = new Player(() => review.read());
const review = new Review(player);
const typing = new Typing(review);
const spans = (review.spans = new Spans(review));

player.stage.layout(remembered("stage", "large"));
new OneCamera(player);
watchAdvance();
player.open(details().episode, frameAsked());
followPause(player);
watchReplay(player);
watchCut(player);
watchCutTake(player);

document.getElementById("play").addEventListener("click", () => player.toggle());
document.getElementById("loop").addEventListener("click", () => player.setLoop(!player.loop));
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.rate) player.setRate(Number(button.dataset.rate));
  else if (button.dataset.step) player.step(Number(button.dataset.step));
  else if (button.dataset.layoutTo) player.stage.layout(button.dataset.layoutTo);
  else if (button.id === "undo") undoLast();
  else if (button.id === "copy-link") copyLink(player.wanted);
  // Keys must stay the page's: a press with the pointer leaves no focus behind.
  if (event.detail > 0 && !button.closest("form, dialog")) button.blur();
});

window.addEventListener("pagehide", () => {
  player.link.end();
  player.ahead.end();
});

// Esc leaves a field, so that the keys are the page's again.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest("#edit")) event.target.blur();
});

keys(
  {
    " ": () => player.toggle(),
    ArrowLeft: () => player.step(-1),
    ArrowRight: () => player.step(1),
    "Ctrl+ArrowLeft": () => player.step(-5),
    "Ctrl+ArrowRight": () => player.step(5),
    "Shift+ArrowLeft": () => player.step(-10),
    "Shift+ArrowRight": () => player.step(10),
    Home: () => player.seek(0),
    End: () => player.seek(player.frames - 1),
    "<": () => player.faster(-1),
    ">": () => player.faster(1),
    l: () => player.setLoop(!player.loop),
    k: () => review.then(() => review.judge("keep")),
    r: () => review.then(() => review.judge("reject")),
    u: () => review.then(() => review.judge("unreviewed")),
    j: () => review.walk("next"),
    n: () => review.walk("next"),
    b: () => review.walk("previous"),
    "[": () => review.edits.cut("first"),
    "]": () => review.edits.cut("end"),
    t: () => review.edits.cutIdle(),
    s: () => review.edits.outcome("success"),
    f: () => review.edits.outcome("failure"),
    e: () => typing.begin(),
    a: () => spans.begin(),
    i: () => spans.remark(),
    q: () => spans.move("first"),
    w: () => spans.move("end"),
    ",": () => spans.step(-1),
    ".": () => spans.step(1),
    Delete: () => spans.remove(),
    y: () => copyLink(player.wanted),
    g: () => player.stage.layout(player.stage.name === "grid" ? "large" : "grid"),
    ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => [String(n), () => player.stage.enlarge(n - 1)])),
  },
  { repeat: ["", "Ctrl+", "Shift+"].flatMap((with_) => [`${with_}ArrowLeft`, `${with_}ArrowRight`]) },
);
