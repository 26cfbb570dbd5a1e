// What the main button says.
import { isAway } from "./stopping.js";

const BIG = {
  record: "Record",
  stop: "Stop and save",
  finish_reset: "Start next take",
  resume: "Resume",
  cancel: "Cancel",
  clear_error: "Clear the error",
  follow: "Let the teleoperator drive",
};
const ASKED = { record: "Starting …", stop: "Stopping …", rerecord: "Starting again …" };

/** `busy` is the command that is not answered or shown yet, `wanted` whether a stop is to be done; "" where it does nothing. */
export function wordsOf(does, status, busy, wanted) {
  const { state, label, blockers = [] } = status;
  if (wanted) return isAway(status) ? "Stops when connected …" : ASKED.stop;
  if (busy) return ASKED[busy] ?? "One moment …";
  if (does === "record" && blockers.length) return label === "cannot record" ? "Can't record" : `Can't record: ${label}`;
  if (state === "replaying" && does === "cancel") return "Stop replay";
  return BIG[does] ?? "";
}
