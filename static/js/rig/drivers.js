// Where LeRobot's drivers are: the environments that the station finds, and the page that installs them.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";

export class Drivers {
  constructor(page) {
    this.page = page;
    this.note = document.getElementById("no-lerobot");
    this.datalist = document.getElementById("pythons");
  }

  /** The kinds of devices that a Python offers; null if another one is asked about by then. */
  async list(python) {
    const words = document.getElementById("drivers");
    say(words, "Looking for drivers …");
    try {
      const { kinds, lerobot, failed } = await call("POST", `${this.page.draft.base}/kinds`, { python });
      if (python !== this.page.python) return null;
      const broken = Object.entries(failed).map(([module, why]) => `${module}: ${why}`);
      this.linkMore();
      say(words, [lerobot ? `LeRobot ${lerobot}.` : broken.length ? "" : "LeRobot is not installed there.", ...broken].join(" "));
      this.look(lerobot);
      return kinds;
    } catch (error) {
      if (python !== this.page.python) return null;
      say(words, error.message);
      return this.page.kinds;
    }
  }

  /** The page that installs them, which leads back to here. */
  get address() {
    const rig = this.page.edited ? `&rig=${encodeURIComponent(this.page.edited)}` : "";
    return `/rigs/drivers/?station=${encodeURIComponent(this.page.station)}${rig}`;
  }

  linkMore() {
    const more = document.getElementById("more-drivers");
    more.href = this.address;
    show(more, true);
  }

  /** After the kinds of a Python were listed: where it has no LeRobot, use one that has, or say how to get one. */
  async look(lerobot) {
    show(this.note, false);
    if (lerobot) return;
    let pythons;
    try {
      ({ pythons } = await call("GET", `${this.page.draft.base}/pythons`));
    } catch {
      return; // an older station: the field below still takes a path
    }
    this.datalist.replaceChildren(...pythons.filter(({ path }) => path).map(({ path, lerobot: version }) => make("option", { value: path }, `LeRobot ${version}`)));
    const usable = pythons.find(({ path, robotdata }) => path && robotdata);
    const wants = this.page.isNew || new URLSearchParams(location.search).has("drivers"); // they were installed just now
    if (usable && wants && !this.page.python) this.page.usePython(usable.path);
    else this.offer(usable, pythons.find(({ path, robotdata }) => path && !robotdata));
  }

  offer(usable, lacking) {
    const words = make("span", { class: "grow" });
    const acts = [];
    if (usable) {
      say(words, `This Python has no LeRobot. ${usable.path} has version ${usable.lerobot}.`);
      const use = make("button", { class: "button small", type: "button" }, "Use that one");
      use.addEventListener("click", () => this.page.usePython(usable.path));
      acts.push(use);
    } else {
      const there = lacking ? ` LeRobot ${lacking.lerobot} is in ${lacking.path}, without robotdata: name that Python to see the command that adds it.` : "";
      say(words, `SO-101, Koch and other arms need LeRobot's drivers, which are not installed here.${there}`);
      const elsewhere = make("button", { class: "button small quiet", type: "button" }, "Name their Python");
      elsewhere.addEventListener("click", () => this.page.showPython());
      acts.push(make("a", { class: "button small", href: this.address }, "Install them"), elsewhere);
    }
    this.note.replaceChildren(words, ...acts);
    show(this.note, true);
  }
}
