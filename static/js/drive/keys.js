// Two keys for each joint, while the dead-man is held; Shift is one. Text fields and dialogs keep their keys.

const TYPING = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]";

export class Keys {
  /** `on`: { hold(source, on), isHeld() } */
  constructor(on) {
    Object.assign(this, { on, meaning: new Map(), pressed: new Set() });
    // Before the page's own keys, which mean something else while nobody drives.
    window.addEventListener("keydown", (event) => this.down(event), { capture: true });
    window.addEventListener("keyup", (event) => this.up(event), { capture: true });
    // Released while another window had the keyboard.
    window.addEventListener("pointermove", (event) => event.shiftKey || this.on.hold("shift", false), { capture: true });
  }

  have(joints) {
    this.clear();
    this.meaning = new Map(joints.flatMap(({ name, keys = [] }) => keys.map((key, i) => [key, [name, i === 0 ? 1 : -1]])));
  }

  down(event) {
    if (!this.meaning.size || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    if (event.key === "Shift" && !event.repeat) this.on.hold("shift", true);
    const key = event.key.toLowerCase();
    if (!this.on.isHeld() || !this.meaning.has(key)) return;
    this.pressed.add(key);
    event.preventDefault();
    event.stopPropagation();
  }

  up(event) {
    this.pressed.delete(event.key.toLowerCase());
    if (event.key === "Shift") this.on.hold("shift", false);
  }

  clear() {
    this.pressed.clear();
  }

  /** -1, 0 or 1 for each joint with a key that is pressed. */
  rates() {
    const rates = {};
    for (const key of this.pressed) {
      const [name, rate] = this.meaning.get(key) ?? [];
      if (name) rates[name] = (rates[name] ?? 0) + rate;
    }
    return rates;
  }
}
