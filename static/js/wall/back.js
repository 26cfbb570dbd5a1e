// Back and forward: through the filters that were asked for, and to the place in the list where one was.
import { make } from "../lib/dom.js";

const AHEAD = "1500px";
const MOST = 500;
const filter = () => document.getElementById("filter");
const key = () => `wall:${location.pathname}${location.search}`;
const more = () => document.querySelector("#cards > .loading");

/** A filter is a step that Back undoes; the letters of one word are one step. */
function stepBeforeFilter({ detail }) {
  if (detail.elt !== filter() || filter().dataset.step === "open") return;
  const typing = detail.requestConfig.triggeringEvent?.target?.id === "filter-q";
  if (!typing || filter().dataset.step !== "typed") history.pushState(history.state, "", location.href);
  // The answer's HX-Replace-Url names the step; one that was overtaken leaves it to the next.
  filter().dataset.step = "open";
  filter().dataset.typing = typing ? "typed" : "";
}

function show(field, value) {
  if (field instanceof HTMLSelectElement && ![...field.options].some((option) => option.value === value)) field.append(make("option", { value }, value));
  field.value = value;
}

/** What was typed just before Back is asked for after it, when the fields say again what the address says. */
function dropLate(event) {
  if (event.detail.elt !== filter() || filter().dataset.step === "open") return;
  const asked = new URLSearchParams(location.search);
  const isShown = ({ name, value }) => !name || name === "view" || value === (asked.get(name) ?? "");
  if ([...filter().elements].every(isShown)) event.preventDefault();
}

/** Fields and cards as the address says. */
function asAddressed() {
  const asked = new URLSearchParams(location.search);
  for (const field of filter().elements) if (field.name && field.name !== "view") show(field, asked.get(field.name) ?? "");
  filter().dataset.step = "";
  // Of the filter's own answers and this one, only what was asked for last is shown (hx-sync).
  const answer = window.htmx.ajax("GET", `${filter().getAttribute("hx-get")}${location.search}`, { source: "#filter-again", target: "#wall-list" });
  answer.catch(() => {
    // Overtaken; the page reports other failures.
  });
}

function keepPlace() {
  const cards = [...document.querySelectorAll("#cards .take")];
  const first = cards.find((card) => card.getBoundingClientRect().bottom > 0);
  if (!first) return;
  const place = { cards: cards.length, card: first.id, top: first.getBoundingClientRect().top, scrolled: scrollY > 0 };
  try {
    sessionStorage.setItem(key(), JSON.stringify(place));
  } catch {
    // Without storage one begins at the top.
  }
}

function keptPlace() {
  const how = performance.getEntriesByType("navigation")[0]?.type;
  const cameFromTake = document.referrer.startsWith(`${location.origin}/episodes/`);
  if (how === "navigate" && !cameFromTake) return null;
  try {
    return JSON.parse(sessionStorage.getItem(key()));
  } catch {
    return null;
  }
}

async function backToPlace() {
  const place = keptPlace();
  if (!place?.scrolled) return;
  history.scrollRestoration = "manual";
  const missing = Math.min(MOST, place.cards - document.querySelectorAll("#cards .take").length);
  const loading = more();
  if (missing > 0 && loading) {
    await window.htmx.ajax("GET", `${loading.getAttribute("hx-get")}&most=${missing}`, { target: loading, swap: "outerHTML" });
  }
  const card = document.getElementById(place.card);
  if (!card) return;
  // Again when all of it is laid out.
  for (let turn = 0; turn < 2; turn++) {
    scrollBy({ top: card.getBoundingClientRect().top - place.top, behavior: "instant" });
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 0)));
  }
}

/** The next cards are fetched long before one sees where they go. */
function fetchAhead() {
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting || target.hasAttribute("data-hx-revealed")) continue;
      target.setAttribute("data-hx-revealed", "true");
      window.htmx.trigger(target, "revealed");
    }
  }, { rootMargin: AHEAD });
  const look = () => more() && watch.observe(more());
  document.addEventListener("htmx:afterSettle", look);
  look();
}

export function watchPlace() {
  if (!filter()) return;
  document.addEventListener("htmx:confirm", dropLate); // before a request in progress is given up for it
  document.addEventListener("htmx:beforeRequest", stepBeforeFilter);
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.elt === filter() && detail.successful) filter().dataset.step = filter().dataset.typing;
  });
  // Before htmx, which would fetch the whole page.
  window.addEventListener("popstate", (event) => {
    event.stopImmediatePropagation();
    asAddressed();
  }, true);
  window.addEventListener("pagehide", keepPlace);
  backToPlace().finally(fetchAhead);
}
