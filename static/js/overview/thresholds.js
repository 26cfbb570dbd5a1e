// Thresholds of quality marks: try them, see how many takes each mark would hold, then save.
import { bodyOf, call } from "../lib/api.js";
import { make, told } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { complain, toast } from "../lib/toast.js";

const form = document.getElementById("thresholds");
const box = document.getElementById("thresholds-preview");
const names = told("mark-names") ?? {};
const url = `/api/datasets/${form?.dataset.dataset}`;
const chosen = () => bodyOf(form).thresholds ?? {};
let asked = 0;

const cell = (words, attributes = { class: "num right" }) => make("td", attributes, String(words));
const line = ({ now, then }, name) => make("tr", { class: now === then ? "dim" : "strong" }, make("th", { scope: "row" }, name), cell(now), cell(then));

function table({ takes, of, marked, marks }) {
  const head = ["Issue", "Now", "Then"].map((words, at) => make("th", { scope: "col", class: at ? "right" : false }, words));
  const rows = [line(marked, "Any issue"), ...marks.map((one) => line(one, names[one.code] ?? one.code))];
  const caption = make("caption", { class: "hint" }, takes < of ? `Of the newest ${takes.toLocaleString("en")} of ${count(of, "take")}; saving checks all takes again` : `Of all ${count(takes, "take")}`);
  return make("table", { class: "table" }, caption, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

async function preview() {
  const turn = ++asked;
  box.setAttribute("aria-busy", "true");
  if (!box.firstChild) box.append(make("p", { class: "hint" }, "Checking …"));
  try {
    const found = await call("POST", `${url}/marks/preview`, { thresholds: chosen() });
    if (turn !== asked) return;
    box.replaceChildren(found.takes ? table(found) : make("p", { class: "dim" }, "No take has been measured yet."));
  } catch (error) {
    if (turn !== asked) return;
    box.replaceChildren();
    complain(error);
  } finally {
    if (turn === asked) box.removeAttribute("aria-busy");
  }
}

async function save(event) {
  event.preventDefault();
  try {
    await call("PATCH", url, { thresholds: chosen() });
    toast("Saved. All takes are checked again in the background.");
  } catch (error) {
    complain(error);
  }
}

form?.addEventListener("submit", save);
form?.addEventListener("change", preview);
form?.addEventListener("click", ({ target }) => {
  if (target.closest("[data-preview]")) preview();
});
form?.addEventListener("reset", (event) => {
  event.preventDefault();
  for (const field of form.elements) if (field.name) field.value = "";
  preview();
});
