// A take that is discarded or recorded again goes to the trash: said once it is there, with the way back.
import { call } from "../lib/api.js";
import { complain, toast } from "../lib/toast.js";

const SAID = { rerecord: "Recording again. The take before is in the trash.", discard: "Discarded. The take is in the trash." };

export class Again {
  constructor() {
    this.expected = new Map(); // by take, the words and the verdict that it had
    document.addEventListener("row-moved", ({ detail }) => this.moved(detail));
  }

  /** The rig rejects this take soon. */
  expect(take, command) {
    const isKept = document.getElementById(`take-${take}`)?.classList.contains("is-keep");
    this.expected.set(take, { words: SAID[command], verdict: isKept ? "keep" : "unreviewed" });
  }

  /** The rig did not. */
  forget(take) {
    this.expected.delete(take);
  }

  moved({ kind, id, verdict, state }) {
    const expected = this.expected.get(id);
    if (kind !== "episode" || !expected || verdict !== "reject" || state === "recording") return;
    this.expected.delete(id);
    toast(expected.words, { undo: () => restore(id, expected.verdict) });
  }
}

async function restore(take, verdict) {
  try {
    await call("POST", "/api/episodes/verdict", { episodes: [take], verdict });
    toast("Restored.");
  } catch (error) {
    complain(error);
  }
}
