// The frames that this browser has received and holds, as JPEGs: a step back needs no server. Bounded, the oldest go first.

const MOST_BYTES = 64 * 1024 * 1024;

export class Held {
  constructor() {
    this.clear();
  }

  clear() {
    Object.assign(this, { frames: new Map(), bytes: 0, version: "" });
  }

  /** Frames of another version of the files are not these frames. */
  of(version) {
    if (version !== this.version) this.clear();
    this.version = version;
  }

  get(frame) {
    return this.frames.get(frame);
  }

  put(frame, jpegs, bytes) {
    if (this.frames.has(frame)) return;
    this.frames.set(frame, { jpegs, bytes });
    this.bytes += bytes;
    for (const [oldest, one] of this.frames) {
      if (this.bytes <= MOST_BYTES || oldest === frame) break;
      this.frames.delete(oldest);
      this.bytes -= one.bytes;
    }
  }

  /** What is held as [first, last], in order. */
  spans() {
    const spans = [];
    for (const frame of [...this.frames.keys()].sort((a, b) => a - b)) {
      const newest = spans.at(-1);
      if (newest && newest[1] === frame - 1) newest[1] = frame;
      else spans.push([frame, frame]);
    }
    return spans;
  }
}
