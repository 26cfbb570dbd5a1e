// What the sheets that send a dataset share: the words of a preview, and the toast at the end of a push.
import { whenOver } from "../ends.js";
import { call } from "../lib/api.js";
import { make } from "../lib/dom.js";
import { bytes, count } from "../lib/format.js";
import { complain, toast } from "../lib/toast.js";

const files = (n) => count(n, "file");

/** What a push would do, as paragraphs; `there` and `absent` say what the place is if it exists, and if it does not. */
export function describe(answer, there, absent) {
  const sent = answer.new_files + answer.changed_files;
  const size = answer.new_bytes + answer.changed_bytes;
  const where = answer.exists ? there : absent;
  const lines = [
    make("p", {}, make("span", { class: "strong" }, answer.repository), ` · ${where}`),
    make("p", { class: "num" }, sent ? `${files(sent)} to send, ${bytes(size)}: ${answer.new_files} new, ${answer.changed_files} changed` : "Nothing to send: every file is there already."),
  ];
  if (answer.same_files && sent) lines.push(make("p", { class: "num dim" }, `${files(answer.same_files)} there already, ${bytes(answer.same_bytes)}`));
  if (answer.exists && !answer.private) lines.push(make("p", { class: "note tone-warn" }, "This repository is public: everybody will see the dataset."));
  if (answer.gone_files) lines.push(make("p", { class: "note tone-warn" }, `${files(answer.gone_files)} there will be removed: this dataset does not have them any more.`));
  if (answer.left_out.length) lines.push(make("p", { class: "hint" }, `Stays here: ${answer.left_out.slice(0, 5).join(", ")}${answer.left_out.length > 5 ? ` and ${answer.left_out.length - 5} more` : ""}`));
  return lines;
}

/** Say what came of a push that this page has begun, once it has ended. */
export function announceEnd(id) {
  whenOver(id, (state) => ended(id, state));
}

async function ended(id, state) {
  if (state !== "done") return; // its line on the page says why, and has the buttons
  try {
    const { pushed } = await call("GET", `/api/operations/${id}`);
    const href = pushed.pull_request || pushed.url;
    const links = href ? [{ href, words: pushed.pull_request ? "the pull request" : "the repository" }] : [];
    toast(`Sent ${files(pushed.sent_files)}; all ${pushed.compared} are equal there.`, { links });
  } catch (error) {
    complain(error);
  }
}

/** Do something for a button, once at a time; say what went wrong. */
export async function busy(element, act) {
  if (element.getAttribute("aria-busy") === "true") return;
  element.setAttribute("aria-busy", "true");
  await act().catch(complain);
  element.removeAttribute("aria-busy");
}
