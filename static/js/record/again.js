// A take that is discarded or recorded again goes to the trash: said once it is there, with the way back.
import { call } from "../lib/api.js";
import { complain, toast } from "../lib/toast.js";

const SAID = { rerecord: (name) => `Recording again. ${name} is in the trash.`, discard: (name) => `${name} discarded. It is in the trash.` };

export class Again {
  constructor() {
    this.expected = new Map(); // by take, the words and the verdict that it had
    document.addEventListener("row-moved", ({ detail }) => this.moved(detail));
  }

  /** The rig rejects this take soon. */
  expect(take, command) {
    const card = document.getElementById(`take-${take}`);
    this.expected.set(take, { words: SAID[command], verdict: card?.classList.contains("is-keep") ? "keep" : "unreviewed" });
  }

  /** The rig did not. */
  forget(take) {
    this.expected.delete(take);
  }

  moved({ kind, id, verdict, state }) {
    const expected = this.expected.get(id);
    if (kind !== "episode" || !expected || verdict !== "reject" || state === "recording") return;
    this.expected.delete(id);
    toast(expected.words(nameOf(id)), { undo: () => restore(id, expected.verdict) });
  }
}

/** A take that is discarded while it is recorded has no card yet. */
const nameOf = (take) => document.querySelector(`#take-${take} .number`)?.textContent ?? "The take";

async function restore(take, verdict) {
  try {
    await call("POST", "/api/episodes/verdict", { episodes: [take], verdict });
    toast(`${nameOf(take)} restored.`);
  } catch (error) {
    complain(error);
  }
}
