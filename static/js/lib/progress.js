// What takes longer than a moment: how far it is, in a box that stays, with a way to stop it.
import { make, say } from "./dom.js";
import { number } from "./format.js";

const PORTION = 250;

/** A box at the bottom of the page; `stopped` says whether somebody has pressed Stop. */
export class Progress {
  constructor(words, total) {
    this.stopped = false;
    this.total = total;
    this.words = make("p", { class: "num", role: "status" });
    this.bar = make("progress", { class: "progress", max: total, value: 0, "aria-label": words });
    const stop = make("button", { class: "button small", type: "button" }, "Stop");
    stop.addEventListener("click", () => {
      this.stopped = true;
      stop.disabled = true;
    });
    this.box = make("div", { class: "toast is-long" }, make("div", { class: "stack-tight grow" }, make("p", {}, words), this.bar, this.words), stop);
    document.getElementById("toasts").append(this.box);
    this.at(0);
  }

  at(done) {
    this.bar.value = done;
    say(this.words, `${number(done)} of ${number(this.total)}`);
  }

  end() {
    this.box.remove();
  }
}

/** Do it in portions, one after another, with a box where there are several; how many were done. */
export async function inPortions(items, words, act) {
  const progress = items.length > PORTION ? new Progress(words, items.length) : null;
  let done = 0;
  try {
    while (done < items.length && !progress?.stopped) {
      const portion = items.slice(done, done + PORTION);
      await act(portion);
      done += portion.length;
      progress?.at(done);
    }
  } catch (error) {
    error.done = done;
    throw error;
  } finally {
    progress?.end();
  }
  return done;
}

export { PORTION };
