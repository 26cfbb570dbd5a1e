// A pose of the robot: a number for each joint. Where its joints are known each has a field, else each row its name.
import { make, say, show } from "../lib/dom.js";
import { rangeOf, rounded, shortName } from "./joints.js";
import { Rows } from "./rows.js";
import { flat, numberOf } from "./values.js";

class PoseField {
  constructor(field, value, { set, page, path }) {
    Object.assign(this, { field, set, page, path, pose: new Map(flat(value)) });
    this.body = make("div", { class: "stack-tight" });
    this.take = make("button", { class: "button small", type: "button" }, "Use the present pose");
    this.take.addEventListener("click", () => this.present());
    this.words = make("p", { class: "small faint", role: "status" });
    const hint = make("small", {}, page.joints.hasRig ? field.help : `${field.help} Once the rig has run, its joints stand here, and its present pose can be taken.`.trim());
    const head = make("div", { class: "row row-apart" }, make("span", { class: "label" }, field.key), page.joints.hasRig ? this.take : null);
    this.box = make("div", { class: "field wide-field", role: "group", "aria-label": field.key, "data-key": field.key }, head, this.body, this.words, hint);
    this.say("");
    this.draw();
  }

  get joints() {
    return this.page.joints.known.filter(({ is_speed: isSpeed }) => !isSpeed);
  }

  draw() {
    const { joints } = this;
    const others = [...this.pose].filter(([name]) => !joints.some((joint) => joint.name === name));
    this.boxes = joints.map((joint) => this.joint(joint));
    const parts = [];
    if (joints.length) parts.push(make("div", { class: "joint-values" }, ...this.boxes));
    const kept = this.page.joints.kept([...this.path, this.field.key]);
    if (!joints.length || others.length || kept.length) parts.push(...this.rows(others, kept, joints.length > 0));
    this.body.replaceChildren(...parts);
  }

  joint(joint) {
    const { name, unit, limits } = joint;
    const box = make("input", { class: "input", "data-key": `${this.field.key}.${name}`, placeholder: "stays", inputmode: "decimal", spellcheck: "false" });
    const range = make("small", {}, rangeOf(joint));
    const judge = () => {
      const value = this.pose.get(name);
      const isBeyond = Boolean(limits) && typeof value === "number" && (value < limits[0] || value > limits[1]);
      say(range, isBeyond ? `beyond ${rangeOf(joint)}` : rangeOf(joint));
      range.className = isBeyond ? "tone-warn words-tone" : "";
    };
    box.value = this.pose.get(name) ?? "";
    box.addEventListener("input", () => {
      const value = numberOf(box.value.trim());
      if (value === undefined) this.pose.delete(name);
      else this.pose.set(name, value);
      judge();
      this.write();
    });
    judge();
    return make("label", { class: "field", title: name }, make("span", { class: "clip" }, `${shortName(name)}${unit ? ` (${unit})` : ""}`), box, range);
  }

  rows(others, kept, areOthers) {
    const columns = [{ key: "name", label: "Joint", placeholder: "elbow_flex.pos" }, { key: "value", label: "Value", isNumber: true, placeholder: "0" }];
    const items = others.map(([name, value]) => ({ name, value, note: areOthers ? "not a joint of this robot" : null, isOdd: areOthers }));
    const rows = new Rows("joint", columns, items, {
      kept,
      keyOf: (item, key) => (key === "value" ? `${this.field.key}.${item.name ?? ""}` : null),
      changed: (now) => {
        const known = this.joints.filter(({ name }) => this.pose.has(name)).map(({ name }) => [name, this.pose.get(name)]);
        this.pose = new Map([...known, ...now.map(({ name, value }) => [name, value ?? ""])]);
        this.write();
      },
    });
    return areOthers ? [rows.list] : [rows.list, make("div", { class: "row" }, rows.adding)];
  }

  write() {
    this.say("");
    this.set(this.pose.size ? Object.fromEntries(this.pose) : undefined);
  }

  say(words, tone = "") {
    say(this.words, words);
    this.words.className = `small${tone ? ` tone-${tone} words-tone` : " faint"}`;
    show(this.words, words !== "");
  }

  async present() {
    if (this.taking) return;
    this.taking = true;
    this.take.setAttribute("aria-busy", "true");
    this.say("Asking the rig …");
    try {
      const now = await this.page.joints.present();
      this.fill(now);
    } catch (error) {
      this.say(error.message, "warn");
    } finally {
      this.taking = false;
      this.take.removeAttribute("aria-busy");
    }
  }

  fill(now) {
    const names = this.joints.length ? this.joints.map(({ name }) => name) : [...now.keys()].filter((name) => !name.endsWith(".vel"));
    const seen = names.filter((name) => Number.isFinite(now.get(name)));
    if (!seen.length) return this.say("The rig does not say where these joints are.", "warn");
    for (const name of seen) this.pose.set(name, rounded(now.get(name), this.page.joints.find(name)?.unit));
    this.write();
    this.draw();
    return this.say("This is where the robot stands now. Save, and the rig takes it when it is restarted.");
  }
}

export const poseField = (field, value, way) => new PoseField(field, value, way).box;
