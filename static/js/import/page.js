// Import raw logs: look into files, change what each stream becomes, see which takes would come, and begin.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";
import { count as counted, number, seconds } from "../lib/format.js";
import { complain, toast } from "../lib/toast.js";
import { chosen, draw, tell } from "./streams.js";
import { forget, uploaded } from "./uploads.js";

const WAIT_MS = 400;
const [files, go, found] = ["files", "go", "found"].map((id) => document.getElementById(id));
const at = (id) => document.getElementById(id);
let paths = []; // of what is on the page
let looking = new AbortController(); // the look that runs, if one does
let dtypes = {}; // of the mapping that was read: the page does not change them
let asked = 0;
let timer = 0;

function mapping() {
  const { features, task_stream } = chosen();
  for (const [name, rule] of Object.entries(features)) rule.dtype = dtypes[name] ?? "";
  const fps = Number(go.elements.fps.value.trim().replace(",", "."));
  const said = { robot_type: go.elements.robot_type.value.trim(), task: go.elements.task.value.trim() };
  return { version: 1, fps: Number.isFinite(fps) ? fps : 0, ...said, task_stream, features };
}

function takeLine({ file, name, rows, duration_s: duration, notes, problems, task }, said) {
  const title = file.startsWith(`${name}.`) || file === name ? file : `${file}, ${name}`;
  const why = problems.length ? problems : notes.filter((words) => !said.includes(words));
  return make(
    "li",
    {},
    make("span", { class: "clip" }, title),
    make("span", { class: "num dim" }, problems.length ? "not imported" : `${counted(rows, "row")} · ${seconds(duration)}`),
    task && !problems.length ? make("span", { class: "why" }, task) : "",
    ...why.map((words) => make("span", { class: problems.length ? "why tone-bad" : "why" }, words)),
  );
}

function warning(words) {
  return make("p", { class: "note tone-bad" }, words);
}

function showTakes({ recordings, problems, more_files: files, more_recordings: more }) {
  const good = recordings.filter((each) => !each.problems.length).length;
  const count = good + more;
  say(at("takes-title"), `${counted(count, "take")}${files ? ` in the first files, ${number(files)} more files` : ""}`);
  const common = recordings[0]?.notes.filter((words) => recordings.every(({ notes }) => notes.includes(words))) ?? [];
  at("problems").replaceChildren(...problems.map(warning), ...common.map((words) => make("p", { class: "hint" }, words)));
  at("takes").replaceChildren(...recordings.map((each) => takeLine(each, common)));
  say(at("import"), files ? "Import all files" : `Import ${counted(count, "take")}`);
  at("import").disabled = !count;
}

/** What the server sees in the files. Those of large logs take a while: it is asked again until they are read. */
async function seenOf(body, { wanted = () => true, signal } = {}) {
  for (;;) {
    try {
      return await call("POST", "/api/imports/look", body, signal);
    } catch (error) {
      if (error.code !== "running" || !wanted()) throw error;
    }
    await new Promise((wake) => setTimeout(wake, WAIT_MS));
  }
}

async function look(signal) {
  const lines = files.elements.paths.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const picked = [...files.elements.upload.files];
  if (!lines.length && !picked.length) throw new Error("Choose files of this computer, or name a path on the server.");
  const into = [...lines, ...(await uploaded(picked, signal))];
  const name = files.elements.saved?.value;
  const saved = name ? await call("GET", `/api/imports/mappings/${encodeURIComponent(name)}`, {}, signal) : null;
  const seen = await seenOf(saved ? { paths: into, mapping: saved } : { paths: into }, { signal });
  paths = into;
  dtypes = Object.fromEntries(Object.entries(seen.mapping.features).map(([feature, rule]) => [feature, rule.dtype]));
  draw(seen);
  say(at("stream-count"), seen.streams.length);
  say(at("format"), seen.format);
  go.elements.fps.value = seen.mapping.fps || "";
  go.elements.robot_type.value = seen.mapping.robot_type;
  go.elements.task.value = seen.mapping.task;
  showTakes(seen);
  show(found, seen.streams.length > 0);
  show(at("files-error"), !seen.streams.length);
  say(at("files-error").querySelector("[data-words]"), seen.problems.join(" ") || "Nothing in it can be imported.");
  if (seen.streams.length) document.querySelector("#streams input:not(:disabled)")?.focus();
}

/** What would come with the mapping as it is now; the newest question alone is answered on the page. */
async function lookAgain() {
  const mine = ++asked;
  try {
    const seen = await seenOf({ paths, mapping: mapping() }, { wanted: () => mine === asked });
    if (mine !== asked) return;
    tell(seen.streams);
    showTakes(seen);
  } catch (error) {
    if (mine !== asked) return;
    at("problems").replaceChildren(warning(error.message));
    at("import").disabled = true;
  }
}

async function busy(button, act) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  await act().catch(complain);
  button.removeAttribute("aria-busy");
}

/** What was seen before goes first: nobody imports by a mapping of other files than are looked into. */
function begin() {
  clearTimeout(timer);
  asked += 1;
  looking = new AbortController();
  show(found, false);
  show(at("files-error"), false);
  show(at("cancel-look"), true);
}

files.addEventListener("submit", (event) => {
  event.preventDefault();
  busy(at("look"), async () => {
    begin();
    try {
      await look(looking.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.code === "no_upload") forget();
      say(at("files-error").querySelector("[data-words]"), error.message);
      show(at("files-error"), true);
    } finally {
      show(at("cancel-look"), false);
    }
  });
});

at("cancel-look").addEventListener("click", () => {
  looking.abort();
  at("look").focus();
});

found.addEventListener("change", ({ target }) => {
  if (["dataset", "mapping"].includes(target.name)) return;
  clearTimeout(timer);
  timer = setTimeout(lookAgain, WAIT_MS);
});

at("save").addEventListener("click", () =>
  busy(at("save"), async () => {
    const name = go.elements.mapping.value.trim();
    if (!name) return go.elements.mapping.focus();
    await call("PUT", `/api/imports/mappings/${encodeURIComponent(name)}`, mapping());
    toast(`The mapping is saved as ${name}.`);
  }),
);

go.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  busy(at("import"), async () => {
    const operation = await call("POST", "/api/imports", { paths, dataset: go.elements.dataset.value.trim(), mapping: mapping() });
    location.assign(`/datasets/${encodeURIComponent(operation.dataset)}/`);
  });
});
