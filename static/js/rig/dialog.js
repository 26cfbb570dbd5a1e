// A dialog with a program on the terminal of a station, such as a calibration: read in short requests, answered by
// buttons or keys. The page names what begins it: `data-begin` and `data-body`.
import { Terminal } from "../../vendor/xterm-6.0.0.mjs";
import { call } from "../lib/api.js";
import { say } from "../lib/dom.js";
import { complain } from "../lib/toast.js";
import { Guide } from "./guide.js";

const ENTER = "\r";
const MOST_TYPED = 1000;
const NONE = "Choose at least one driver.";
const BETWEEN_MS = 150;
const AFTER_ERROR_MS = 1000;
const FONT_PX = 13;
const LEAST_FONT_PX = 11;
const LETTER_PX = FONT_PX * 0.61; // of the font that the terminal takes
const LEAST_COLUMNS = 44; // a line of LeRobot's table of joints has 43
const COLUMNS = 80;
const page = document.getElementById("dialog");
const { station, begin, body, running, done, failed } = page.dataset;
const base = `/api/stations/${encodeURIComponent(station)}`;
const remembered = `dialog ${begin} ${body}`;
const state = document.getElementById("dialog-state");
const beginning = document.getElementById("begin");
const pane = document.getElementById("terminal");
const answers = document.getElementById("answers");
const packages = document.getElementById("packages"); // what to install, where the page has a choice
const guided = document.getElementById("guide");
const guide = guided ? new Guide(guided, answers) : null;
let dialog = "";
let terminal = null;
let typed = ""; // not yet sent: one request at a time, so that keys arrive in their order
let sending = false;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function show(runs) {
  beginning.hidden = runs;
  answers.hidden = !runs;
  if (packages) packages.disabled = runs;
}

/** Return how many columns the page has room for; on a phone, whose letters are smaller then, as many as are needed. */
function fitting() {
  return Math.max(LEAST_COLUMNS, Math.floor(room() / LETTER_PX));
}

function room() {
  const { paddingLeft, paddingRight } = getComputedStyle(pane);
  return pane.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
}

function asked() {
  const chosen = packages && { packages: [...packages.querySelectorAll(":checked")].map(({ value }) => value) };
  return { ...JSON.parse(body), ...chosen, columns: Math.min(COLUMNS, fitting()) };
}

/** Return whether there is nothing to install, which the page says beside the button. */
function lacks() {
  const none = packages !== null && packages.querySelector(":checked") === null;
  if (none) say(state, NONE);
  else if (state.textContent === NONE) say(state, "");
  return none;
}

function open({ rows, columns }) {
  terminal?.dispose();
  const fontSize = Math.min(FONT_PX, Math.max(LEAST_FONT_PX, Math.floor((room() / columns / LETTER_PX) * FONT_PX)));
  terminal = new Terminal({ rows, cols: columns, convertEol: false, fontSize, theme: { background: "#14171b" }, scrollback: 2000 });
  terminal.open(pane);
  terminal.onData((text) => type(text));
  guide?.attach(terminal);
}

async function type(text) {
  if (!dialog) return;
  typed += text;
  if (sending) return;
  sending = true;
  while (typed && dialog) {
    const next = typed.slice(0, MOST_TYPED);
    typed = typed.slice(MOST_TYPED);
    try {
      await call("POST", `${base}/dialogs/${dialog}`, { text: next });
    } catch (refusal) {
      typed = ""; // what follows would answer another question
      complain(refusal);
    }
  }
  sending = false;
}

function ended(code) {
  dialog = typed = "";
  sessionStorage.removeItem(remembered);
  show(false);
  guide?.end();
  say(beginning, code === 0 ? "Again" : "Try again");
  say(state, code === 0 ? done : failed);
  document.getElementById("done").hidden = code !== 0;
  beginning.focus();
}

/** Read on until the program has ended. What a reload of the page missed is still there. */
async function follow(id) {
  dialog = id;
  show(true);
  say(state, running);
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

packages?.addEventListener("change", lacks);
beginning.addEventListener("click", async () => {
  if (lacks()) return packages.querySelector("input").focus();
  beginning.disabled = true;
  document.getElementById("done").hidden = true;
  try {
    const begun = await call("POST", begin, asked());
    sessionStorage.setItem(remembered, JSON.stringify(begun));
    open(begun);
    follow(begun.dialog);
    answers.querySelector("button").focus();
  } catch (refusal) {
    complain(refusal);
  } finally {
    beginning.disabled = false;
  }
});
answers.addEventListener("click", async ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  if ("types" in button.dataset) {
    type(button.dataset.types + ENTER);
    return;
  }
  try {
    await call("DELETE", `${base}/dialogs/${dialog}`);
  } catch (refusal) {
    complain(refusal);
  }
});

const earlier = JSON.parse(sessionStorage.getItem(remembered) ?? "null");
if (earlier) {
  open(earlier);
  follow(earlier.dialog);
}
