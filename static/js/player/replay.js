// "Play on the robot": a dialog that says what will move, and starts it only once somebody has confirmed.
import { call, reach } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { complain } from "../lib/toast.js";

const dialog = () => document.getElementById("replay");

export function watchReplay(player) {
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-replay]");
    if (button) open(button, player);
  });
  dialog().addEventListener("change", confirmed);
  dialog().addEventListener("submit", (event) => {
    event.preventDefault();
    start(event.target, player);
  });
}

async function open(button, player) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  const { episode } = player;
  try {
    const response = await reach(button.dataset.replay);
    if (!response.ok) throw new Error(`The server answered ${response.status}. Reload the page, then try again.`);
    const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
    if (player.episode !== episode) return; // whoever is at another take now meant the one before
    if (player.link?.playing) player.toggle();
    dialog().replaceChildren(...parsed.body.children);
    asFrames(dialog(), player.firstTick);
    dialog().showModal();
  } catch (error) {
    complain(error);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** The server counts the rows of a take from its first; the player from the first that every camera has. */
function asFrames(box, firstTick) {
  for (const field of box.querySelectorAll('input[type="number"]')) {
    for (const name of ["value", "max"]) field[name] = String(Math.max(0, Number(field[name]) - firstTick));
  }
}

function confirmed(event) {
  // Another rig stands elsewhere: whoever chooses it looks at it first.
  if (event?.target.name === "rig") document.getElementById("replay-clear").checked = false;
  const start = document.getElementById("replay-start");
  if (start) start.disabled = !document.getElementById("replay-clear").checked;
}

async function start(form, player) {
  const button = document.getElementById("replay-start");
  const { rig, speed, from, to } = form.elements;
  if (!button || button.disabled || !rig.value) return;
  const body = {
    id: crypto.randomUUID?.(),
    episode: form.dataset.episode,
    speed: Number(speed.value),
    from: Number(from.value) + player.firstTick,
    to: Number(to.value) + player.firstTick,
  };
  button.disabled = true;
  say(button, "Starting …");
  try {
    await call("POST", `/api/rigs/${rig.value}/replay`, body);
    location.assign(`/record/${rig.value}/`);
  } catch (error) {
    refused(error);
    say(button, "Play on the robot");
    confirmed();
  }
}

function refused(error) {
  const box = document.getElementById("replay-refused");
  const rows = error.detail?.differences ?? [];
  const cells = (tag, values) => make("tr", {}, ...values.map((value) => make(tag, {}, value)));
  say(box.querySelector("p"), error.message);
  box.querySelectorAll("tr").forEach((row) => row.remove());
  if (rows.length) box.querySelector("table").append(cells("th", ["Joint", "This rig", "The recording"]), ...rows.map((row) => cells("td", [row.what, row.rig, row.dataset])));
  show(box.querySelector(".scroll-x"), rows.length > 0);
  show(box, true);
}
