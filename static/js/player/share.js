// The address carries the frame, so that it can be sent to somebody.
import { toast } from "../lib/toast.js";

function linkTo(frame) {
  const url = new URL(location.href);
  if (frame) url.searchParams.set("frame", frame);
  else url.searchParams.delete("frame");
  return url;
}

/** The frame that the address asks for, or 0. */
export function frameAsked() {
  const asked = Number(new URLSearchParams(location.search).get("frame"));
  return Number.isInteger(asked) && asked > 0 ? asked : 0;
}

/** The address follows wherever the player rests; while it plays it stays. */
export function followPause(player, everyMs = 600) {
  let [told, seen] = [frameAsked(), -1];
  setInterval(() => {
    const resting = player.wanted === seen;
    seen = player.wanted;
    if (player.link.playing || !resting || player.wanted === told) return;
    told = player.wanted;
    history.replaceState(history.state, "", linkTo(told));
  }, everyMs / 2);
}

export async function copyLink(frame) {
  const url = linkTo(frame);
  history.replaceState(history.state, "", url);
  let copied = true;
  try {
    await navigator.clipboard.writeText(url.href);
  } catch {
    copied = copyByHand(url.href);
  }
  if (copied) toast(`Copied a link to frame ${frame}.`);
  else toast("Couldn't copy. Copy the address from the address bar.", { bad: true });
}

/** A plain-http address on the lab's network has no clipboard. */
function copyByHand(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
