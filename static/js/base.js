// What every page has: theme, dialogs, copying, actions, the live socket, and a sign-in that has run out.
import { watchActions } from "./actions.js";
import "./installed.js";
import { remember, say } from "./lib/dom.js";
import { keepFocus } from "./lib/focus.js";
import { keepFolds } from "./lib/folds.js";
import { keys } from "./lib/keys.js";
import { keepPresses } from "./lib/presses.js";
import { toast, undoLast } from "./lib/toast.js";
import { listen, ring } from "./live.js";
import { watchMotion } from "./motion.js";
import { watchParts } from "./parts.js";
import { watchTabs } from "./tabs.js";
import { watchBatches } from "./told.js";
import { watchWall } from "./wall.js";

function switchTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = dark ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  remember("theme", theme);
  document.dispatchEvent(new CustomEvent("theme"));
}

async function copy(button) {
  const text = document.querySelector(button.dataset.copy).textContent;
  let copied = false;
  try {
    await navigator.clipboard.writeText(text);
    copied = true;
  } catch {
    // A plain-http address on the lab's network has no clipboard: select it instead, so that Ctrl-C does it.
    const range = document.createRange();
    range.selectNodeContents(document.querySelector(button.dataset.copy));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    copied = document.execCommand("copy");
  }
  say(button, copied ? "Copied" : "Selected");
  setTimeout(() => say(button, "Copy"), 1600);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-theme-toggle], [data-open], [data-close], [data-copy]");
  if (!target) return;
  if ("themeToggle" in target.dataset) switchTheme();
  else if (target.dataset.open) document.querySelector(target.dataset.open).showModal();
  else if ("close" in target.dataset) target.closest("dialog").close();
  else copy(target);
});

document.addEventListener("click", (event) => {
  if (event.target.matches("dialog.sheet")) event.target.close(); // the backdrop
});

document.addEventListener("change", (event) => {
  const shows = event.target.dataset?.shows;
  if (!shows) return;
  const [value, selector] = shows.split(":");
  document.querySelector(selector).hidden = event.target.value !== value;
});

document.addEventListener("error", (event) => {
  if (event.target.matches?.("img[data-picture]")) {
    const words = document.createElement("span");
    words.className = "none";
    words.textContent = "no image";
    event.target.replaceWith(words);
  }
}, true);

// A fragment that turned out to be the sign-in page, or an error page, is never put into the page.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.responseURL.includes("/sign-in/")) {
    event.detail.shouldSwap = false;
    location.assign(`/sign-in/?next=${encodeURIComponent(location.pathname + location.search)}`);
  } else if (xhr.status === 404 && event.detail.elt.matches("[data-live]")) {
    event.detail.shouldSwap = false;
    event.detail.elt.remove();
  }
});
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status >= 500) toast("Part of the page could not be loaded. Reload the page; if it happens again, see the terminal that runs robotdata.", { bad: true });
});

// What was asked for and did not come: said, and asked for again where it is the rest of a list.
for (const failed of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(failed, ({ detail: { elt } }) => {
    if (elt.matches(".loading[hx-get]")) {
      say(elt, "Could not load more. Trying again …");
      setTimeout(() => elt.isConnected && window.htmx.trigger(elt, "revealed"), 3000);
    } else if (failed === "htmx:sendError" && !elt.matches("[data-live]")) {
      toast("Can't reach robotdata: this page shows an earlier state. Check that it is running.", { bad: true });
    }
  });
}

// A page that the browser kept for Back has closed its sockets: reload it.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

keys({ "?": () => document.getElementById("keys").showModal(), z: undoLast });
keepPresses(ring);
keepFolds();
keepFocus();
watchActions();
watchMotion();
watchParts();
watchTabs();
watchWall();
watchBatches();
if (document.querySelector(".nav")) listen();
