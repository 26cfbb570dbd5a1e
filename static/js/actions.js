// Buttons and forms that change something: data-call="PATCH /api/..." and what to do afterwards.
//   data-body      JSON that is sent (a button); a form sends its fields
//   data-said      words for the toast, {name} from the answer; data-undo adds Undo; data-quiet says nothing
//   data-ended     words for when the operation that it began is done, while the page is still open
//   data-then      reload, remove (its .line), close (its dialog), go:/path/{slug}/; otherwise what shows it is fetched again
//   data-toast     (without a call) what is so already: said, nothing is changed
//   data-twice     the words of a second press, for what cannot be undone
import { whenOver } from "./ends.js";
import { bodyOf } from "./lib/api.js";
import { bytes } from "./lib/format.js";
import { complain, toast } from "./lib/toast.js";
import { ring, ringTopics, staysPut } from "./live.js";
import { change, learn } from "./versions.js";

const fill = (text, answer) =>
  text.replace(/\{(\w+)\}/g, (_, name) => (name.endsWith("bytes") ? bytes(answer?.[name] ?? 0) : String(answer?.[name] ?? "")));

const disarms = new WeakMap(); // by button that waits for its second press

/** Its second press ends the question: a third one would be asked again. */
function armed(button) {
  if (!button.dataset.twice) return true;
  if (button.getAttribute("aria-busy") === "true") return false;
  if (button.dataset.armed) {
    disarms.get(button)();
    return true;
  }
  button.dataset.armed = "yes";
  const words = button.textContent;
  button.textContent = button.dataset.twice;
  const isDanger = button.classList.contains("danger");
  button.classList.add("danger");
  const disarm = () => {
    button.classList.toggle("danger", isDanger);
    delete button.dataset.armed;
    button.textContent = words;
  };
  const timer = setTimeout(() => {
    disarm();
    ringAround(button);
  }, 4000);
  disarms.set(button, () => {
    clearTimeout(timer);
    disarm();
  });
  return false;
}

function ringAround(element) {
  const shown = element.closest("[data-live]");
  if (shown) ring(shown);
}

/** Keyboard focus moves to the next line of a list. */
function remove(line) {
  const next = line?.contains(document.activeElement) && (line.nextElementSibling ?? line.previousElementSibling);
  line?.remove();
  if (next) next.querySelector("button")?.focus();
}

function afterwards(element, answer) {
  const { then = "" } = element.dataset;
  if (then === "reload") location.reload();
  else if (then === "remove") remove(element.closest(".line, .take"));
  else if (then.startsWith("go:")) location.assign(encodeURI(fill(then.slice(3), answer)));
  else if (then !== "stay") {
    if (then === "close") element.closest("dialog")?.close();
    if (element.closest("[data-live]")?.matches("[data-keeps-open]")) element.closest("details")?.removeAttribute("open");
    ringAround(element);
    ringTopics(["operations", "new-operation"]);
  }
}

const resaved = new WeakMap(); // by form that is being saved, what it held when it was saved again

/** A form that is saved again before its answer is there is sent again; other acts happen once. */
export async function act(element, body) {
  const [method, url] = element.dataset.call.split(" ");
  const button = element.matches("form") ? element.querySelector("button:not([type=button])") : element;
  if (button?.getAttribute("aria-busy") === "true") {
    if (method === "PATCH") resaved.set(element, body);
    return;
  }
  button?.setAttribute("aria-busy", "true");
  const since = performance.now();
  try {
    let answer = await change(method, url, body);
    while (resaved.has(element)) {
      const next = resaved.get(element);
      resaved.delete(element);
      answer = await change(method, url, next);
    }
    if (element.dataset.said && !("quiet" in element.dataset)) {
      const words = fill(element.dataset.said, answer);
      if (element.dataset.then === "reload") sessionStorage.setItem("said", words);
      else toast(words, { undo: "undo" in element.dataset });
    }
    const { ended } = element.dataset;
    if (ended) whenOver(answer.id, (state) => state === "done" && toast(ended), since);
    afterwards(element, answer);
    // What shows it may have been fetched again already, before its own answer came.
    (element.isConnected ? element : document).dispatchEvent(new CustomEvent("done", { bubbles: true, detail: answer }));
  } catch (error) {
    complain(error);
    if (element.dataset.twice) ringAround(element); // what moved while it asked
    // What is being typed is not fetched away: who is told what the other one did, and saves again, means it.
    if (error.code === "conflict" && element.matches("form")) learn(url.split("/")[3], error.detail.version);
  } finally {
    resaved.delete(element);
    button?.removeAttribute("aria-busy");
  }
}

/** It stays also where what comes for its place was asked for before somebody began. */
function keepPlace({ detail }) {
  if (detail.target?.dataset && staysPut(detail.target)) detail.shouldSwap = false;
}

export function watchActions() {
  document.addEventListener("htmx:beforeSwap", keepPlace);
  const said = sessionStorage.getItem("said");
  if (said) {
    sessionStorage.removeItem("said");
    toast(said);
  }
  document.addEventListener("click", (event) => {
    const done = event.target.closest("button[data-toast]");
    if (done) toast(done.dataset.toast);
    const button = event.target.closest("button[data-call]");
    if (button && !button.disabled && armed(button)) act(button, JSON.parse(button.dataset.body ?? "{}"));
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-call]")) return;
    event.preventDefault();
    act(event.target, bodyOf(event.target));
  });
  document.addEventListener("undone", ({ detail }) => ringTopics([...detail.episodes.map((id) => `episode:${id}`), "episodes"]));
}
