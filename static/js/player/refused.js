// Verdicts that were refused: each with its take, its reason and the way back, until it is judged or put away.
import { make, show } from "../lib/dom.js";

export function refusedList(element) {
  const lines = new Map();
  const drop = (episode) => {
    lines.get(episode)?.remove();
    lines.delete(episode);
    show(element, lines.size > 0);
  };
  return {
    get size() {
      return lines.size;
    },
    drop,
    add({ episode, title, walk }, error) {
      drop(episode);
      const href = `/episodes/${episode}/?${walk}`;
      const close = make("button", { class: "button quiet small", type: "button", "aria-label": "Close" }, "×");
      close.addEventListener("click", () => drop(episode));
      const sign = error.detail?.href ? make("a", { class: "button small", href: error.detail.href }, "Sign in") : null;
      const line = make("li", {}, make("span", {}, error.code === "not_durable" ? "Not safe yet: " : "Not saved: ", make("a", { href }, title), ` (${episode.slice(0, 8)}). ${error.message}`), sign, close);
      lines.set(episode, line);
      element.append(line);
      show(element, true);
    },
  };
}
