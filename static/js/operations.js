// The page Encoding: the log of an episode in a sheet, and whether a notification is wanted.
import { say } from "./lib/dom.js";
import { allow, canNotify, isWanted, refuse } from "./told.js";

const sheet = document.getElementById("job-log");
const body = document.getElementById("job-log-body");
const tell = document.getElementById("tell");
let opener = "";

function open(button) {
  opener = button.id;
  body.replaceChildren();
  say(body, "Loading …");
  sheet.showModal();
  window.htmx.ajax("GET", button.dataset.log, { target: body });
}

/** The list may have been fetched again meanwhile: the button is a new one with the same name. */
function back() {
  body.replaceChildren();
  (document.getElementById(opener) ?? document.querySelector("[data-log]") ?? tell).focus();
}

function show() {
  const wanted = isWanted();
  tell.setAttribute("aria-pressed", String(wanted));
  if (!canNotify()) {
    tell.disabled = true;
    tell.title = "This browser shows notifications only for https addresses and localhost. A message appears on every open page in any case.";
  } else if (Notification.permission === "denied") {
    tell.title = "Notifications of this page are blocked in the browser's settings. A message appears on every open page in any case.";
  }
  say(tell, wanted ? "You will be notified" : "Notify me when batches finish");
}

async function toggle() {
  if (isWanted()) refuse();
  else await allow();
  show();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-log]");
  if (button) open(button);
});
sheet.addEventListener("close", back);
tell.addEventListener("click", toggle);
show();
