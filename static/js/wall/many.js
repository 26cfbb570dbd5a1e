// One act on many takes, undone as one.
import { bodyOf, call } from "../lib/api.js";
import { count, number } from "../lib/format.js";
import { inPortions } from "../lib/progress.js";
import { complain, toast } from "../lib/toast.js";
import { ringTopics } from "../live.js";
import { tracked, versionOf } from "../versions.js";

const SAID = { keep: "kept", reject: "moved to the trash", unreviewed: "to review again" };
const DOING = { keep: "Keeping", reject: "Moving to the trash", unreviewed: "Clearing verdicts" };
const APPLIED = "rejected, to be deleted when you apply changes";
const MOST = 5000; // so many are found at once
const takes = (n) => count(n, "take");

export class Many {
  constructor(selection) {
    this.selection = selection;
    this.busy = ""; // what is being done
    document.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-many], [data-reject-all]");
      if (!button) return;
      if ("rejectAll" in button.dataset) this.rejectAll(button);
      else if (button.dataset.many === "none") selection.clear();
      else this.judge(button.dataset.many);
    });
    document.getElementById("many-form")?.addEventListener("submit", (event) => this.words(event));
  }

  judge(verdict) {
    return this.decide(verdict, this.selection.editable);
  }

  decide(verdict, episodes) {
    const committed = verdict === "reject" && document.getElementById("cards")?.dataset.view === "committed";
    const doing = committed ? "Rejecting" : DOING[verdict];
    return this.act("/api/episodes/verdict", { verdict }, episodes, committed ? APPLIED : SAID[verdict], doing);
  }

  async rejectAll(button) {
    button.disabled = true;
    try {
      const { editable, others } = await this.selection.found();
      const listed = editable.length + others.length;
      if (listed < MOST && listed !== Number(button.dataset.rejectAll)) {
        document.querySelectorAll("#wall-head").forEach((head) => window.htmx.trigger(head, "moved"));
        throw new Error(`The list changed: it has ${takes(listed)} now. Nothing was rejected. Press again to reject them.`);
      }
      await this.decide("reject", editable);
    } catch (error) {
      complain(error);
    } finally {
      button.disabled = false;
    }
  }

  async words(event) {
    event.preventDefault();
    const form = event.target;
    const said = Object.fromEntries(Object.entries(bodyOf(form)).filter(([, value]) => value !== "" && !(Array.isArray(value) && !value.length)));
    if (!Object.keys(said).length || this.isBusy()) return;
    const dialog = form.closest("dialog");
    dialog.close();
    const isDone = await this.act("/api/episodes/edit", said, this.selection.editable, "changed", "Changing");
    if (isDone && !dialog.open) form.reset(); // it may be open again, for others
  }

  /** Whether another act is not done yet; says so: what is picked stays picked. */
  isBusy() {
    if (this.busy) toast(`${this.busy} … Not done yet: wait for that, then press again.`, { bad: true });
    return Boolean(this.busy);
  }

  /** In portions that belong to one act, undone as one; whether all of it was done. */
  async act(url, body, episodes, said, doing) {
    if (this.isBusy() || !episodes.length) return false;
    this.busy = doing;
    // As it is when one presses: what another person does meanwhile was not seen.
    const picked = this.selection.ids;
    const seen = new Map(episodes.map((id) => [id, versionOf(id)]));
    document.getElementById("wall-bar").setAttribute("aria-busy", "true");
    try {
      let group = null;
      const done = await inPortions(episodes, `${doing} …`, async (portion) => {
        const versions = Object.fromEntries(portion.map((id) => [id, seen.get(id)]).filter(([, version]) => version));
        ({ group } = await tracked(call("POST", url, { episodes: portion, versions, group, ...body })));
      });
      const stopped = done < episodes.length ? ` Stopped before the other ${number(episodes.length - done)}.` : "";
      toast(`${takes(done)} ${said}.${stopped}`, { undo: true });
      this.selection.drop(picked);
      return !stopped;
    } catch (error) {
      complain(error);
      if (error.done) toast(`${takes(error.done)} ${said} before that.`, { undo: true });
      return false;
    } finally {
      this.busy = "";
      document.getElementById("wall-bar").removeAttribute("aria-busy");
      ringTopics([...episodes.map((id) => `episode:${id}`), "episodes"]);
      document.querySelectorAll("#wall-head").forEach((head) => window.htmx.trigger(head, "moved"));
    }
  }
}
