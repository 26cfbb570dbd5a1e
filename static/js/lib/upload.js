// A file goes up in pieces, and continues where it was: datasets and raw logs are uploaded in the same way.
import { call, put } from "./api.js";

const PIECE = 4 << 20;
const RETRY_MS = 2000;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A failure of the network is tried again; what the server refuses is final. */
async function sendPieces(file, addition, { signal, draw, waiting }) {
  while (addition.done < addition.total) {
    const at = addition.done;
    try {
      addition = await put(`/api/additions/${addition.id}/bytes?offset=${at}`, file.slice(at, at + PIECE), signal);
    } catch (error) {
      if (error.name === "AbortError" || error.status) throw error;
      waiting("Can't reach robotdata. Trying again …");
      await wait(RETRY_MS);
      signal.throwIfAborted();
      continue;
    }
    draw(addition);
  }
  return addition;
}

/** Upload `file`, or the rest of it, and have it finished; `begin` is the API's address. Returns the addition. */
export async function uploadFile(file, begin, { logs = false, ...shown }) {
  const open = await call("GET", "/api/additions", {}, shown.signal);
  const same = open.find((each) => each.state === "uploading" && each.logs === logs && each.source === file.name && each.total === file.size);
  let addition = same ?? (await call("POST", begin, { name: file.name, size: file.size }, shown.signal));
  shown.draw(addition);
  addition = await sendPieces(file, addition, shown);
  return call("POST", `/api/additions/${addition.id}/finish`);
}
