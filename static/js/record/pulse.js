// Whether the server answers on this socket, and what its clock reads: a ping a second.

const EVERY_MS = 1000;
const UNANSWERED_MS = 5000; // a machine under load is slow, not gone
const KEPT = 30;

export class Pulse {
  /** `send(message)` sends over the socket and returns whether it is open; `silent()` is called where no answer comes. */
  constructor(send, silent) {
    Object.assign(this, { send, silent, number: 0, sent: new Map(), samples: [], ahead_s: 0, waitingSince: 0 });
    setInterval(() => this.beat(), EVERY_MS);
  }

  /** A new connection: what was asked over the old one is never answered. */
  begin() {
    this.sent.clear();
    this.waitingSince = 0;
    this.beat();
  }

  beat() {
    const now = performance.now();
    if (this.waitingSince && now - this.waitingSince > UNANSWERED_MS) {
      this.waitingSince = 0;
      this.sent.clear();
      this.silent();
      return;
    }
    this.number += 1;
    if (!this.send({ type: "ping", id: this.number })) return;
    this.sent.set(this.number, [now, Date.now()]);
    this.waitingSince ||= now;
  }

  answered({ id, now: server_s }) {
    const [sentAt, sentDate] = this.sent.get(id) ?? [];
    if (sentAt === undefined) return;
    for (const older of [...this.sent.keys()]) if (older <= id) this.sent.delete(older);
    this.waitingSince = this.sent.size ? [...this.sent.values()][0][0] : 0;
    const took_ms = performance.now() - sentAt;
    // The quickest answer knows best.
    this.samples.push([took_ms, server_s - (sentDate + took_ms / 2) / 1000]);
    if (this.samples.length > KEPT) this.samples.shift();
    this.ahead_s = this.samples.reduce((best, one) => (one[0] < best[0] ? one : best))[1];
  }

  /** Seconds since 1970 by the server's clock. */
  now() {
    return Date.now() / 1000 + this.ahead_s;
  }
}
