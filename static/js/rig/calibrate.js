// A calibration: LeRobot's dialog on the terminal of a station, read in short requests and answered by buttons or keys.
import { Terminal } from "../../vendor/xterm-6.0.0.mjs";
import { call } from "../lib/api.js";
import { say } from "../lib/dom.js";
import { complain } from "../lib/toast.js";

const ENTER = "\r";
const BETWEEN_MS = 150;
const AFTER_ERROR_MS = 1000;
const page = document.getElementById("calibrate");
const { station, rig, role } = page.dataset;
const base = `/api/stations/${encodeURIComponent(station)}`;
const remembered = `calibration ${station} ${rig} ${role}`;
const buttons = Object.fromEntries(["begin", "continue", "new", "stop"].map((id) => [id, document.getElementById(id)]));
const state = document.getElementById("calibrate-state");
let dialog = "";
let terminal = null;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function show(running) {
  buttons.begin.hidden = running;
  for (const id of ["continue", "new", "stop"]) buttons[id].hidden = !running;
}

function open({ rows = 30, columns = 100 }) {
  terminal?.dispose();
  terminal = new Terminal({ rows, cols: columns, convertEol: false, fontSize: 13, theme: { background: "#14171b" }, scrollback: 2000 });
  terminal.open(document.getElementById("terminal"));
  terminal.onData((text) => type(text));
}

async function type(text) {
  if (!dialog) return;
  try {
    await call("POST", `${base}/dialogs/${dialog}`, { text });
  } catch (refusal) {
    complain(refusal);
  }
}

function ended(code) {
  dialog = "";
  sessionStorage.removeItem(remembered);
  show(false);
  say(buttons.begin, code === 0 ? "Calibrate again" : "Try again");
  say(state, code === 0 ? "Done." : "It has ended without a calibration; the last lines say why.");
  document.getElementById("done").hidden = code !== 0;
  buttons.begin.focus();
}

/** Read on until the program has ended. What a reload of the page missed is still there. */
async function follow(id) {
  dialog = id;
  show(true);
  say(state, "Running. The arm has no torque.");
  let after = 0;
  while (dialog === id) {
    let output;
    try {
      output = await call("GET", `${base}/dialogs/${id}?after=${after}`);
    } catch (refusal) {
      if (refusal.code === "no_dialog") return ended(null);
      say(state, refusal.message);
      await pause(AFTER_ERROR_MS);
      continue;
    }
    terminal.write(output.text);
    after = output.next;
    if (output.exit_code !== null) return ended(output.exit_code);
    await pause(BETWEEN_MS);
  }
}

buttons.begin.addEventListener("click", async () => {
  buttons.begin.disabled = true;
  document.getElementById("done").hidden = true;
  try {
    const begun = await call("POST", `${base}/calibrations`, { rig, role });
    sessionStorage.setItem(remembered, JSON.stringify(begun));
    open(begun);
    follow(begun.dialog);
    buttons.continue.focus();
  } catch (refusal) {
    complain(refusal);
  } finally {
    buttons.begin.disabled = false;
  }
});
buttons.continue.addEventListener("click", () => type(ENTER));
buttons.new.addEventListener("click", () => type(`c${ENTER}`));
buttons.stop.addEventListener("click", async () => {
  try {
    await call("DELETE", `${base}/dialogs/${dialog}`);
  } catch (refusal) {
    complain(refusal);
  }
});
document.getElementById("start-rig").addEventListener("click", async (event) => {
  event.preventDefault();
  try {
    await call("POST", `${base}/rigs/${encodeURIComponent(rig)}/start`);
    location.assign("/rigs/");
  } catch (refusal) {
    complain(refusal);
  }
});

const earlier = JSON.parse(sessionStorage.getItem(remembered) ?? "null");
if (earlier) {
  open(earlier);
  follow(earlier.dialog);
}
