// Buttons and forms that change something: data-call="PATCH /api/..." and what to do afterwards.
//   data-body      JSON that is sent (a button); a form sends its fields
//   data-said      words for the toast, {name} from the answer; data-undo adds Undo; data-quiet says nothing
//   data-ended     words for when the operation that it began is done, while the page is still open
//   data-then      reload, remove (its .line), close (its dialog), go:/path/{slug}/; otherwise what shows it is fetched again
//   data-toast     (without a call) what is so already: said, nothing is changed
//   data-twice     the words of a second press, for what cannot be undone
import { bodyOf } from "./lib/api.js";
import { bytes } from "./lib/format.js";
import { complain, toast } from "./lib/toast.js";
import { ring, ringTopics, staysPut } from "./live.js";
import { change, learn } from "./versions.js";

const fill = (text, answer) =>
  text.replace(/\{(\w+)\}/g, (_, name) => (name.endsWith("bytes") ? bytes(answer?.[name] ?? 0) : String(answer?.[name] ?? "")));

function armed(button) {
  if (!button.dataset.twice || button.dataset.armed) return true;
  button.dataset.armed = "yes";
  const words = button.textContent;
  button.textContent = button.dataset.twice;
  button.classList.add("danger");
  setTimeout(() => {
    delete button.dataset.armed;
    button.textContent = words;
    const shown = button.closest("[data-live]");
    if (shown) ring(shown);
  }, 4000);
  return false;
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
    const shown = element.closest("[data-live]");
    if (shown && "keepsOpen" in shown.dataset) element.closest("details")?.removeAttribute("open");
    if (shown) ring(shown);
    ringTopics(["operations", "new-operation"]);
  }
}

const begun = new Map(); // by operation, what is said when it is done

function operationMoved({ detail: { kind, id, state } }) {
  if (kind !== "operation" || !begun.has(id) || !["done", "failed", "cancelled"].includes(state)) return;
  if (state === "done") toast(begun.get(id));
  begun.delete(id);
}

export async function act(element, body) {
  const [method, url] = element.dataset.call.split(" ");
  const button = element.matches("form") ? element.querySelector("button:not([type=button])") : element;
  if (button?.getAttribute("aria-busy") === "true") return;
  button?.setAttribute("aria-busy", "true");
  try {
    const answer = await change(method, url, body);
    if (element.dataset.said && !("quiet" in element.dataset)) {
      const words = fill(element.dataset.said, answer);
      if (element.dataset.then === "reload") sessionStorage.setItem("said", words);
      else toast(words, { undo: "undo" in element.dataset });
    }
    if (element.dataset.ended) begun.set(answer.id, element.dataset.ended);
    afterwards(element, answer);
    element.dispatchEvent(new CustomEvent("done", { bubbles: true, detail: answer }));
  } catch (error) {
    complain(error);
    // What is being typed is not fetched away: who is told what the other one did, and saves again, means it.
    if (error.code === "conflict" && element.matches("form")) learn(url.split("/")[3], error.detail.version);
  } finally {
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
  document.addEventListener("row-moved", operationMoved);
  document.addEventListener("undone", ({ detail }) => ringTopics([...detail.episodes.map((id) => `episode:${id}`), "episodes"]));
}
