// One act on many takes, undone as one.
import { bodyOf, call } from "../lib/api.js";
import { complain, toast } from "../lib/toast.js";
import { ringTopics } from "../live.js";

const SAID = { keep: "kept", reject: "moved to the trash", unreviewed: "to be reviewed again" };
const takes = (count) => `${count} take${count === 1 ? "" : "s"}`;

export class Many {
  constructor(selection) {
    this.selection = selection;
    this.busy = false;
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
    return this.act("/api/episodes/verdict", { verdict }, this.selection.editable, SAID[verdict]);
  }

  async rejectAll(button) {
    button.disabled = true;
    try {
      const { editable } = await this.selection.found();
      await this.act("/api/episodes/verdict", { verdict: "reject" }, editable, SAID.reject);
    } catch (error) {
      complain(error);
    } finally {
      button.disabled = false;
    }
  }

  async words(event) {
    event.preventDefault();
    const form = event.target;
    const said = Object.fromEntries(Object.entries(bodyOf(form)).filter(([, value]) => value.length));
    if (!Object.keys(said).length) return;
    form.closest("dialog").close();
    if (await this.act("/api/episodes/edit", said, this.selection.editable, "changed")) form.reset();
  }

  /** Whether it was done. */
  async act(url, body, episodes, said) {
    if (this.busy || !episodes.length) return false;
    this.busy = true;
    document.getElementById("wall-bar").setAttribute("aria-busy", "true");
    try {
      await call("POST", url, { episodes, ...body });
      toast(`${takes(episodes.length)} ${said}.`, { undo: true });
      this.selection.clear();
      return true;
    } catch (error) {
      complain(error);
      return false;
    } finally {
      this.busy = false;
      document.getElementById("wall-bar").removeAttribute("aria-busy");
      ringTopics([...episodes.map((id) => `episode:${id}`), "episodes"]);
      document.querySelectorAll("#wall-head").forEach((head) => window.htmx.trigger(head, "moved"));
    }
  }
}
