// Files of this computer go to the server before it looks inside; each is then a path `upload:<id>`.
import { call } from "../lib/api.js";
import { say, show } from "../lib/dom.js";
import { bytes } from "../lib/format.js";
import { uploadFile } from "../lib/upload.js";

const POLL_MS = 400;
const box = document.getElementById("uploading");
const part = (name) => box.querySelector(`[data-part="${name}"]`);
const sent = new Map(); // the path of each file that is on the server
const keyOf = ({ name, size, lastModified }) => `${name}/${size}/${lastModified}`;

function draw({ source, state, done, total }) {
  say(part("title"), state === "uploading" ? `Uploading ${source}` : `Unpacking ${source}`);
  say(part("amount"), `${bytes(done)} of ${bytes(total)}`);
  part("bar").value = total ? done / total : 0;
}

async function arrived(id, signal) {
  for (;;) {
    const addition = await call("GET", `/api/additions/${id}`, {}, signal);
    if (addition.state === "done") return `upload:${id}`;
    if (addition.error || !["running", "uploading"].includes(addition.state)) throw new Error(addition.error || "The upload was cancelled.");
    draw(addition);
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
}

/** The paths of the chosen files, one after another on the server. Files that the server has are not sent again. */
export async function uploaded(files, signal) {
  const paths = [];
  show(box, files.some((file) => !sent.has(keyOf(file))));
  try {
    for (const file of files) {
      const key = keyOf(file);
      if (!sent.has(key)) {
        const addition = await uploadFile(file, "/api/imports/uploads", { logs: true, signal, draw, waiting: (words) => say(part("amount"), words) });
        sent.set(key, await arrived(addition.id, signal));
      }
      paths.push(sent.get(key));
    }
  } finally {
    show(box, false);
  }
  return paths;
}

/** Have files sent again: the server says that one is gone. */
export const forget = () => sent.clear();
