// A press that has begun is not taken away: what the page would fetch again under a finger waits for the click.
// Without this a button that is replaced, or moved, between down and up is not pressed, and nobody says so.
const LONGEST_MS = 1000; // what is held longer is not a click, and what the page shows must not grow old
// Space presses when it is let go, as a finger does; Enter presses at once.
const BY_SPACE = "button, summary, input";
const begun = new Map(); // by finger, or " ", when it went down
const held = new Set();

/** One finger may be lifted while another is down; one whose end the page never hears of is none. */
function isPressed() {
  for (const [finger, at] of begun) if (performance.now() - at >= LONGEST_MS) begun.delete(finger);
  return begun.size > 0;
}

/** `again(element)` fetches a piece of the page whose answer was not taken because something was pressed. */
export function keepPresses(again) {
  const release = () => {
    if (isPressed()) return; // by another press: its own end comes
    const elements = [...held].filter((element) => element.isConnected);
    held.clear();
    elements.forEach(again);
  };
  const begins = (finger) => {
    begun.set(finger, performance.now());
    setTimeout(release, LONGEST_MS + 20);
  };
  const ended = (finger) => {
    begun.delete(finger);
    setTimeout(release); // the click comes after its pointerup, in the same task
  };
  const bySpace = ({ key, target }) => key === " " && target.matches(BY_SPACE);
  document.addEventListener("pointerdown", ({ pointerId }) => begins(pointerId), true);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, ({ pointerId }) => ended(pointerId), true);
  document.addEventListener("keydown", (event) => bySpace(event) && !event.repeat && begins(" "), true);
  document.addEventListener("keyup", (event) => event.key === " " && ended(" "), true);
  // What is fetched again above a button moves it away, too.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.shouldSwap || !detail.elt.matches("[data-live]") || !isPressed()) return;
    detail.shouldSwap = false;
    held.add(detail.elt);
  });
}
