// The first gamepad that is connected, by the browser's standard mapping.

const DEAD = 0.12; // of an axis: a stick that is let go does not come to rest at 0

export class Pad {
  constructor() {
    Object.assign(this, { joints: [], holdButton: -1 });
  }

  have(joints, holdButton) {
    Object.assign(this, { joints, holdButton });
  }

  get pad() {
    return [...(navigator.getGamepads?.() ?? [])].find((pad) => pad?.connected) ?? null;
  }

  get name() {
    return this.pad?.id ?? "";
  }

  isHeld() {
    return Boolean(this.pad?.buttons[this.holdButton]?.pressed);
  }

  /** -1 to 1 for each joint whose axis or button is moved. */
  rates() {
    const pad = this.pad;
    const rates = {};
    if (!pad) return rates;
    for (const { name, axis, invert, plus_button: plus, minus_button: minus } of this.joints) {
      const turned = (axis === null || axis === undefined ? 0 : pad.axes[axis] ?? 0) * (invert ? -1 : 1);
      const pressed = (pad.buttons[plus]?.value ?? 0) - (pad.buttons[minus]?.value ?? 0);
      const rate = Math.max(-1, Math.min(1, (Math.abs(turned) > DEAD ? turned : 0) + pressed));
      if (rate) rates[name] = rate;
    }
    return rates;
  }
}
