// A stop that is pressed is never forgotten: not while the answer to Record is late, nor while the rig counts down, nor
// while the connection is lost. It means the take of that moment, or the one that was about to begin, and no later one.
const UNSEEN_MS = 2000; // a rig that may have been told to begin shows it by then
const AGAIN_MS = 500;
const BEGINS = new Set(["record", "rerecord", "finish_reset"]);
const AWAY = new Set(["lost", "offline"]);
const UNANSWERED = new Set(["lost", "no_answer", "offline"]);

export const begins = (command) => BEGINS.has(command);
export const isAway = ({ state }) => AWAY.has(state);
/** The rig may have done it, or may do it yet. */
const isUnanswered = ({ code, status }) => UNANSWERED.has(code) || status >= 500;
const isStop = (command, { state }) => command === "stop" || (command === "cancel" && state === "countdown");

export class Stopping {
  constructor() {
    Object.assign(this, { running: "", wanted: null, triedAt: -AGAIN_MS });
  }

  /** Whether a press of the main button now means: stop what is about to begin. */
  takes(busy) {
    return !this.wanted && BEGINS.has(busy);
  }

  /** `busy` is the command that is not answered, or not shown, yet. */
  want({ take, last_take: last, state, since }, busy, hasBegun = false) {
    const isNext = BEGINS.has(busy) || state === "countdown";
    this.wanted = isNext ? { before: [take?.id, last?.id], since, hasBegun, until: Infinity } : { take: take?.id ?? this.running };
  }

  /** Whether a stop may be sent though the rig cannot be seen. Of a rig that the server calls offline nobody says that it
      records: there only a stop that was pressed before is sent. */
  mayReach({ state }) {
    return Boolean(this.running) && (state === "lost" || Boolean(this.wanted));
  }

  /** A command is sent: one that stops is kept until it is done. Returns whether it is sent for a stop that was kept. */
  asks(command, status) {
    if (!isStop(command, status)) return false;
    this.triedAt = performance.now();
    if (this.wanted) return true;
    this.want(status, "");
    return false;
  }

  did(command) {
    if (["stop", "cancel"].includes(command)) this.wanted = null;
    if (command === "stop") this.running = "";
    if (this.wanted?.before) this.wanted.hasBegun = true;
  }

  /** It failed: whether a person is to be told. `isAgain`: it was sent for a stop that was kept, or another was since. */
  tells(error, command, isAgain) {
    const { wanted } = this;
    const stops = ["stop", "cancel"].includes(command);
    const hasBegun = command === "cancel" && wanted && error.code === "not_allowed"; // the take, meanwhile
    if (!isUnanswered(error) && !hasBegun && (stops || wanted?.before)) this.wanted = null;
    this.unanswered();
    return !stops || !(isAgain || hasBegun);
  }

  /** Where nobody knows whether the rig does it: a take that is still to be seen is seen soon. */
  unanswered() {
    if (this.wanted?.until === Infinity && !this.wanted.hasBegun) this.wanted.until = performance.now() + UNSEEN_MS;
  }

  /** The command that is to be sent now, or "". */
  due(status, busy) {
    const { state, take } = status;
    if (!isAway(status)) this.running = state === "recording" ? (take?.id ?? "") : "";
    const { wanted } = this;
    if (!wanted || busy || performance.now() < this.triedAt + AGAIN_MS) return "";
    const command = this.commandOf(wanted, status);
    if (!command && !isAway(status) && this.isOver(wanted, status)) this.wanted = null;
    return command;
  }

  /** Whether what was to be stopped is over. A status that the rig sent before it began may come long after the answer. */
  isOver(wanted, { since }) {
    const { until = 0, hasBegun } = wanted;
    if (hasBegun && until === Infinity && since !== wanted.since) wanted.until = performance.now() + UNSEEN_MS;
    return performance.now() > until;
  }

  commandOf({ take: meant, before }, status) {
    if (isAway(status)) return meant ? "stop" : ""; // the request may come through where the socket does not
    const { state, take } = status;
    if (state === "countdown") return before ? "cancel" : "";
    const isMeant = meant ? take?.id === meant : !before.includes(take?.id);
    return state === "recording" && take && isMeant ? "stop" : "";
  }
}
