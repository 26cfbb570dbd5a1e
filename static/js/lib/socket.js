// A socket that comes back by itself: after 0.25 s, doubling up to 4 s.
import { toast } from "./toast.js";

export const VERSION = 1; // of the messages, as in robotdata/websocket.py
let isOld = false; // robotdata was updated under this page

export class Link {
  /** `on`: { text(message), bytes(buffer), open(), closed(code) } */
  constructor(path, on) {
    Object.assign(this, { path, on, wait: 250, ended: false, socket: null, timer: 0 });
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}`);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      if (this.socket !== socket) return;
      this.wait = 250;
      this.on.open?.();
    });
    socket.addEventListener("message", ({ data }) => {
      if (this.socket !== socket) return;
      if (typeof data === "string") this.hear(JSON.parse(data));
      else this.on.bytes?.(data);
    });
    socket.addEventListener("close", ({ code }) => {
      if (this.socket !== socket) return;
      this.on.closed?.(code);
      if (this.ended) return;
      this.timer = setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(4000, this.wait * 2);
    });
    this.socket = socket;
  }

  hear(message) {
    if ((message.v ?? 1) <= VERSION) this.on.text?.(message);
    else if (!isOld) {
      isOld = true;
      toast("robotdata was updated. Reload this page.", { bad: true });
    }
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  get isGone() {
    return this.socket?.readyState >= WebSocket.CLOSING;
  }

  send(message) {
    if (this.isOpen) this.socket.send(JSON.stringify({ ...message, v: VERSION }));
    return this.isOpen;
  }

  /** The other side does not answer: reconnect, whatever this socket believes. */
  renew() {
    if (this.ended) return;
    const old = this.socket;
    clearTimeout(this.timer);
    this.connect();
    old?.close();
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }
}
