// The dialog "Add a dataset": a zip file goes up in pieces, a folder of the server is looked into first.
import { call } from "./lib/api.js";
import { make, say, show } from "./lib/dom.js";
import { bytes } from "./lib/format.js";
import { complain } from "./lib/toast.js";
import { uploadFile } from "./lib/upload.js";
import { ringTopics } from "./live.js";

const POLL_MS = 400;
const dialog = document.getElementById("add-dataset");
const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
const ENDED = ["done", "failed", "cancelled", "interrupted"];
let current = null; // the addition that is shown
let abort = null; // of the upload in this page
let looked = 0; // how often a folder was looked into
let stale = false; // what the page shows besides datasets has changed

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function showPart(name) {
  for (const each of ["choose", "found", "busy", "end"]) show(part(each), each === name);
}

function draw(addition) {
  current = addition;
  const share = addition.total ? addition.done / addition.total : 0;
  part("bar").value = share;
  say(part("title"), addition.state === "uploading" ? `Uploading ${addition.source}` : `Adding ${addition.source}`);
  say(part("amount"), `${bytes(addition.done)} of ${bytes(addition.total)}`);
  showPart("busy");
}

function finish(addition) {
  current = addition;
  const lines = addition.landed.map(({ name, problem, note }) =>
    make(
      "li",
      { class: "line" },
      make(
        "div",
        { class: "grow stack-tight" },
        problem ? make("strong", {}, name) : make("a", { href: `/datasets/${encodeURIComponent(name)}/`, class: "strong" }, name),
        make("span", { class: "small dim" }, problem ? `Cannot be opened. ${problem}` : note || "Added"),
      ),
    ),
  );
  part("landed").replaceChildren(...lines);
  show(part("landed"), lines.length > 0);
  show(part("error"), Boolean(addition.error));
  say(part("error-words"), addition.error);
  const titles = { done: "Added", cancelled: "Cancelled", interrupted: "Interrupted", failed: "Not added" };
  say(part("end-title"), addition.state === "done" && addition.landed.every(({ problem }) => problem) ? "Cannot be opened" : titles[addition.state]);
  show(part("again"), addition.state === "interrupted");
  stale ||= addition.landed.some(({ problem }) => problem);
  showPart("end");
  ringTopics(["datasets"]);
  (part("landed").querySelector("a") ?? part("another")).focus();
}

async function follow(id) {
  for (;;) {
    const addition = await call("GET", `/api/additions/${id}`);
    if (current && current.id !== addition.id) return;
    if (ENDED.includes(addition.state)) return finish(addition);
    draw(addition);
    await wait(POLL_MS);
  }
}

async function upload(file) {
  abort = new AbortController();
  try {
    const waiting = (words) => say(part("amount"), words);
    const addition = await uploadFile(file, "/api/additions", { signal: abort.signal, draw, waiting });
    abort = null;
    await follow(addition.id);
  } catch (error) {
    abort = null;
    if (error.name === "AbortError") return;
    complain(error);
    showPart("choose");
  }
}

async function look(form) {
  const path = form.elements.path.value.trim();
  const mine = ++looked;
  const found = await call("POST", "/api/additions/look", { path }).catch((error) => {
    if (mine === looked) throw error;
  });
  if (mine !== looked) return; // another folder was asked for since
  part("list").replaceChildren(
    ...found.map(({ path: where, name, problem, here }) =>
      make(
        "label",
        { class: "pick" },
        make("input", { type: "checkbox", value: where, checked: !problem }),
        make(
          "span",
          { class: "grow stack-tight" },
          make("span", { class: "strong clip" }, name),
          make("span", { class: "small dim" }, problem || (here ? "used where it is" : "will be copied")),
        ),
      ),
    ),
  );
  say(part("found-title"), `${found.length} dataset${found.length === 1 ? "" : "s"} in ${path}`);
  showPart("found");
  part("add").focus();
}

async function addFolders() {
  const paths = [...part("list").querySelectorAll("input:checked")].map((box) => box.value);
  if (!paths.length) return complain(new Error("Select at least one dataset."));
  const addition = await call("POST", "/api/additions/folders", { paths });
  current = addition;
  await follow(addition.id);
}

async function fetchFromHub({ elements: { repository, revision, episodes, videos } }) {
  const body = { repository: repository.value.trim(), revision: revision.value.trim(), episodes: episodes.value.trim(), videos: videos.checked };
  current = await call("POST", "/api/additions/hub", body);
  await follow(current.id);
}

async function cancel() {
  abort?.abort();
  abort = null;
  const { id } = current;
  await call("POST", `/api/additions/${id}/cancel`);
  await follow(id);
}

const acts = {
  add: addFolders,
  cancel,
  back: () => showPart("choose"),
  another: () => showPart("choose"),
  again: async () => {
    await call("POST", `/api/additions/${current.id}/finish`);
    await follow(current.id);
  },
};

dialog?.addEventListener("click", async ({ target }) => {
  const button = target.closest("button[data-part]");
  const act = acts[button?.dataset.part];
  if (!act || button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  await Promise.resolve(act()).catch(complain);
  button.removeAttribute("aria-busy");
});

dialog?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.dataset.from !== "hub") return void look(form).catch(complain);
  if (form.getAttribute("aria-busy") === "true") return; // a second press fetches nothing twice
  form.setAttribute("aria-busy", "true");
  fetchFromHub(form).catch(complain).finally(() => form.removeAttribute("aria-busy"));
});
dialog?.addEventListener("change", ({ target }) => {
  if (target.type !== "file" || !target.files.length) return;
  upload(target.files[0]);
  target.value = "";
});
dialog?.addEventListener("dragover", (event) => event.preventDefault());
dialog?.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file && !abort) upload(file);
});
dialog?.addEventListener("close", () => {
  if (stale) location.reload();
});
addEventListener("beforeunload", (event) => {
  if (abort) event.preventDefault();
});
