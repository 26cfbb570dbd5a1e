// Changes on their way to the server, one after another in the order in which they were made. Nobody waits for them.
import { call } from "../lib/api.js";
import { change, versionOf } from "../versions.js";

// After one of these the next one would fare no better: nothing more is sent, and all that waits comes back.
// What is done, though the disk has not confirmed it, speaks of one take alone.
const DOWN = ({ status, code }) => code !== "not_durable" && (status === 0 || status === 401 || status >= 500);

// A page that stumbles over an answer must not keep what comes behind it from being sent.
const tell = (what) => {
  try {
    what();
  } catch (error) {
    reportError(error);
  }
};

export class Wire {
  constructor() {
    this.waiting = [];
    this.sending = null;
    // By the time of `pagehide` the one that is on its way has been given up, and all behind it.
    for (const leaving of ["beforeunload", "pagehide"]) window.addEventListener(leaving, () => this.flush());
  }

  /** `one`: { episode, version, body, done(answer), refused(one, error) }; `version` is the one that was on screen. */
  send(one) {
    one.body = { ...one.body, version: [one.version, versionOf(one.episode)].filter(Boolean).sort().at(-1), own: true };
    this.waiting.push(one);
    this.sending ??= this.run();
  }

  /** Whether something of this episode is not answered yet. */
  holds(episode) {
    return this.waiting.some((one) => one.episode === episode);
  }

  /** Resolved when nothing is on its way. */
  async idle() {
    while (this.sending) await this.sending;
  }

  async run() {
    while (this.waiting.length) {
      const one = this.waiting[0];
      const { answer, error } = await change("PATCH", `/api/episodes/${one.episode}`, one.body).then(
        (found) => ({ answer: found }),
        (why) => ({ error: why }),
      );
      if (error) for (const back of this.waiting.splice(0, DOWN(error) ? Infinity : 1)) tell(() => back.refused(back, error));
      else tell(() => this.waiting.shift().done(answer));
    }
    this.sending = null;
  }

  /** The page is left: what still waits goes out at once, all that was said of one take together. */
  flush() {
    const told = new Map();
    for (const one of this.waiting.splice(1)) told.set(one.episode, [...(told.get(one.episode) ?? []), one]);
    for (const [episode, all] of told) {
      const body = Object.assign({}, ...all.map((one) => one.body), { version: all[0].body.version });
      call("PATCH", `/api/episodes/${episode}`, body).then(
        (answer) => all.forEach((one) => one.done(answer)),
        (error) => all.forEach((one) => one.refused(one, error)),
      );
    }
  }
}
