// The fields of the rig itself: its name, its rate, how long devices may take, and the Python of their drivers.
import { numberOf } from "./values.js";

const KEYS = ["name", "fps", "connect_s", "python"];
const NUMBERS = new Set(["fps", "connect_s"]);

export class Head {
  /** `changed(key, value)` while somebody types, `pythonNamed(path)` once a Python is. */
  constructor(sections, { changed, pythonNamed }) {
    this.inputs = Object.fromEntries(KEYS.map((key) => [key, sections.querySelector(`[data-at="rig"] [data-key="${key}"]`)]));
    const valueOf = (key, text) => (NUMBERS.has(key) ? numberOf(text) : text || undefined);
    for (const [key, input] of Object.entries(this.inputs)) input.addEventListener("input", () => changed(key, valueOf(key, input.value.trim())));
    const { python } = this.inputs;
    python.addEventListener("change", () => pythonNamed(python.value.trim()));
  }

  /** What the file says, but where somebody types. */
  draw(rig) {
    for (const [key, input] of Object.entries(this.inputs)) if (document.activeElement !== input) input.value = rig[key] ?? "";
  }
}
