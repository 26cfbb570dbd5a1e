// Choosing keys: a press on the button, then the key; and more keys for the record page. Saved at once, for this person.
import { call } from "./lib/api.js";
import { make, say, show } from "./lib/dom.js";
import { ACTIONS, chosenKeys, FIXED, isBrowsers, labelOf, nameOf, useKeys } from "./lib/keys.js";
import { complain, toast } from "./lib/toast.js";

const ALL = ACTIONS.flatMap(([, actions]) => actions);
const LEFT = new Set(["Escape", "Enter", "Tab", "Shift+Tab", "Shift", "Control", "Alt", "Meta", "Dead", "Unidentified"]);
const lines = new Map();
let waiting = "";
let wanted = chosenKeys(); // with what is not saved yet
let under = Promise.resolve(); // what is being saved

function line([key, words]) {
  const button = make("button", { class: "button", type: "button", "aria-label": words });
  const back = make("button", { class: "button quiet small", type: "button", "aria-label": `Reset ${words}` }, "Reset");
  button.addEventListener("click", () => wait(waiting === key ? "" : key));
  back.addEventListener("click", () => {
    const keys = { ...wanted };
    delete keys[key];
    save(keys);
  });
  const box = make("div", { class: "key-line" }, make("span", { class: "words" }, words), back, button);
  lines.set(key, { box, button, back });
  return box;
}

function fixedLine([label, words]) {
  const pressed = make("span", { class: "key-fixed" }, ...label.split(" ").map((one) => (one === "–" ? "–" : make("kbd", { "data-key": "" }, one))));
  return make("div", { class: "key-line" }, make("span", { class: "words" }, words), pressed);
}

function draw() {
  const chosen = chosenKeys();
  for (const [key, { box, button, back }] of lines) {
    say(button, waiting === key ? "Press a key …" : labelOf(chosen[key] ?? key));
    button.toggleAttribute("data-waits", waiting === key);
    box.classList.toggle("is-mine", key in chosen);
    show(back, key in chosen);
  }
  document.getElementById("keys-reset").disabled = !Object.keys(chosen).length;
}

function wait(key) {
  waiting = key;
  draw();
}

/** The next key may be chosen before the answer: it counts on this one, and is sent after it. */
async function save(keys) {
  wanted = keys;
  wait("");
  const sent = under.then(() => call("POST", "/keys/", { keys }));
  under = sent.catch(() => {}); // said below; the next one is sent anyway
  try {
    await sent;
    useKeys(keys);
    toast("Saved.");
  } catch (error) {
    wanted = chosenKeys();
    complain(error);
  }
  draw();
}

function pressed(event) {
  if (!waiting || isBrowsers(event)) return;
  if (event.key === "Escape") {
    wait("");
    return;
  }
  const name = nameOf(event);
  if (LEFT.has(name) || LEFT.has(event.key) || /^[1-9]$/.test(name)) return;
  event.preventDefault();
  event.stopPropagation();
  const taken = ALL.find(([key]) => key !== waiting && (wanted[key] ?? key) === name);
  if (taken) {
    toast(`${labelOf(name)} is already used for “${taken[1]}”. Reassign it first.`, { bad: true });
    return;
  }
  const keys = { ...wanted, [waiting]: name };
  if (name === waiting) delete keys[waiting];
  save(keys);
}

for (const button of document.querySelectorAll("[data-record]")) {
  button.addEventListener("click", () => more(button.dataset.record));
}

async function more(record) {
  try {
    await call("POST", "/keys/", { record });
    for (const one of document.querySelectorAll("[data-record]")) one.setAttribute("aria-pressed", String(one.dataset.record === record));
    toast("Saved.");
  } catch (error) {
    complain(error);
  }
}

document.getElementById("key-table").replaceChildren(...ACTIONS.map(([title, actions]) => make("section", { class: "panel" }, make("h2", {}, title), ...actions.map(line), ...(FIXED[title] ?? []).map(fixedLine))));
document.getElementById("keys-reset").addEventListener("click", () => save({}));
document.addEventListener("keydown", pressed, { capture: true });
// Space and Enter lift on the focused button: that press was meant as a key.
document.addEventListener("keyup", (event) => {
  if (event.key === " " && event.target.closest(".key-line")) event.preventDefault();
});
draw();
