// One episode's play socket: what is asked goes out with a number, pictures of all cameras come back as one.
import { decode } from "../lib/picture.js";
import { Link } from "../lib/socket.js";
import { Held } from "./held.js";

const [HEAD, CAMERA] = [12, 8];
const INCOMPLETE = 2;
// A pointer that drags faster than pictures come still sees some.
const STARVES_MS = 100;
const GONE = [4404, 4410, 4429];

export class PlayLink {
  /** `on`: { opened(message), shown(frame, pictures), ended(), problem(text), lost(isLost) } */
  constructor(episode, on) {
    Object.assign(this, { episode, on, seq: 0, frame: 0, playing: false, dragging: false, last: null, waiting: null, busy: false, first: null, shownSeq: 0, shownAt: 0, held: new Held() });
    this.link = new Link(`/ws/play/${episode}/`, {
      open: () => this.on.lost?.(false),
      text: (message) => this.text(message),
      bytes: (buffer) => this.bundle(buffer),
      closed: (code) => {
        this.about = null;
        if (this.link.ended) return; // we closed it
        if (GONE.includes(code)) this.link.end();
        else this.on.lost?.(true);
      },
    });
  }

  text(message) {
    if (message.type === "opened") {
      this.about = message;
      this.held.of(message.version);
      this.on.opened?.(message);
      // After a lost connection: continue where it was. Before the first: frame 0.
      this.ask(this.last ?? { op: "seek", frame: this.frame });
    } else if (message.type === "ended") {
      this.playing = false;
      this.on.ended?.();
    } else if (message.type === "error") {
      this.on.problem?.(message.message);
    }
  }

  ask(op) {
    this.seq += 1;
    this.last = op;
    this.playing = op.op === "play";
    this.link.send({ ...op, seq: this.seq });
  }

  /** A frame that is held here is shown without asking. */
  seek(frame) {
    const held = this.held.get(frame);
    if (!held) {
      this.ask({ op: "seek", frame });
      return;
    }
    if (this.playing || this.last?.op !== "seek") this.ask({ op: "pause" });
    this.seq += 1;
    this.last = { op: "seek", frame };
    this.take({ seq: this.seq, frame, jpegs: held.jpegs, here: true });
  }

  play(frame, rate, loop) {
    this.ask({ op: "play", frame, rate, loop });
  }

  pause() {
    this.ask({ op: "pause" });
    this.last = { op: "seek", frame: this.frame };
  }

  bundle(buffer) {
    const view = new DataView(buffer);
    const count = view.getUint8(1);
    const bundle = { seq: view.getUint32(4), frame: view.getUint32(8), jpegs: [], here: false };
    let at = HEAD;
    for (let i = 0; i < count; i += 1) {
      const [camera, length] = [view.getUint8(at), view.getUint32(at + 4)];
      bundle.jpegs.push([camera, new Uint8Array(buffer, at + CAMERA, length)]);
      at += CAMERA + length;
    }
    if (count && !(view.getUint8(2) & INCOMPLETE)) this.held.put(bundle.frame, bundle.jpegs, buffer.byteLength);
    this.take(bundle);
  }

  take(bundle) {
    // One of the two is not drawn: an older answer never takes the place of what is asked for now.
    const older = this.waiting && bundle.seq < this.waiting.seq ? bundle : this.waiting;
    if (older && !older.here) this.link.send({ op: "ack", frame: older.frame });
    if (older === bundle) return;
    this.waiting = bundle;
    if (!this.busy) this.draw();
  }

  /** Decodes every camera, then shows them in one go: they cannot part. The newest bundle wins. */
  async draw() {
    this.busy = true;
    while (this.waiting) {
      const { seq, frame, jpegs, here } = this.waiting;
      this.waiting = null;
      const made = await Promise.all(jpegs.map(([camera, jpeg]) => decode(jpeg).then((bitmap) => [camera, bitmap], () => null)));
      if (!here) this.link.send({ op: "ack", frame });
      // What is not the newest asked for is dropped; dragging, where nothing came in time for long, it may pass, in order.
      const starves = this.dragging && performance.now() - this.shownAt > STARVES_MS;
      if (seq === this.seq || (starves && seq >= this.shownSeq)) this.put(seq, frame, made.filter(Boolean));
      else made.forEach((one) => one?.[1].close());
    }
    this.busy = false;
  }

  put(seq, frame, pictures) {
    this.frame = frame;
    this.shownSeq = seq;
    this.shownAt = performance.now();
    if (this.link.ended) pictures.forEach(([, bitmap]) => bitmap.close());
    else if (this.on.shown) this.on.shown(frame, pictures);
    else this.first = [frame, pictures];
  }

  /** A link that was opened ahead begins to speak: what it has heard so far is told at once. */
  adopt(on) {
    this.on = on;
    on.lost?.(this.link.isGone);
    if (this.about) on.opened?.(this.about);
    if (this.first) on.shown?.(...this.first);
    this.first = null;
  }

  end() {
    this.link.end();
    this.first?.[1].forEach(([, bitmap]) => bitmap.close());
    this.first = null;
  }
}
