// The keys of lerobot-record, for those who chose them: → continues early, ← records again, Esc stops the session.
import { call } from "../lib/api.js";
import { make } from "../lib/dom.js";
import { keys } from "../lib/keys.js";
import { complain, toast } from "../lib/toast.js";

export class Arrows {
  /** Before the page's own keys: a key that is used here is not used there. */
  constructor(controls) {
    this.controls = controls;
    // A slider that has the focus keeps its arrows.
    const unless = (act) => ({ target }) => (target.matches("input[type=range]") ? false : void act());
    keys({ ArrowRight: unless(() => this.on()), ArrowLeft: unless(() => controls.press("rerecord")), Escape: () => void this.stop() }, { asPressed: true });
    const key = (words) => make("kbd", { "data-key": "" }, words);
    document.querySelector('[data-command="rerecord"] kbd').replaceWith(key("←"));
    document.querySelector('[data-command="cancel"] kbd').remove();
    document.querySelector("#countdown span").textContent = "Recording starts …";
  }

  on() {
    if (this.controls.busy === "record") return void this.controls.main();
    const command = ["stop", "finish_reset"].find((each) => this.controls.may(each));
    if (!this.controls.justChanged.holds()) this.controls.press(command);
  }

  /** A take that runs is kept; one that is about to begin does not. */
  async stop() {
    if (this.controls.status.state === "replaying") return void this.controls.press("cancel");
    const session = document.getElementById("session")?.dataset.running;
    if (!session || this.stopping) return;
    this.stopping = true;
    this.controls.justChanged.asked();
    try {
      await call("POST", `/api/sessions/${session}/end`, { stop: true });
      toast("The session has ended.");
    } catch (error) {
      complain(error);
    } finally {
      this.stopping = false;
    }
  }
}
