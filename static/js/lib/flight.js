// A picture that flies to the word Trash, so that one sees where a rejected take went. Nothing flies where the system
// asks for less motion, nor where the word is out of sight.
import { make } from "./dom.js";

export const still = matchMedia("(prefers-reduced-motion: reduce)");

const nothing = () => {};

/** What `picture` shows now flies from where it is now, once the function that is returned is called. */
export function flightToTrash(picture) {
  if (still.matches || !picture?.checkVisibility()) return nothing;
  const { copy, left, top, width, height } = copyOf(picture);
  copy.inert = true;
  copy.classList.add("to-trash");
  copy.style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
  return () => {
    const target = document.querySelector("[data-trash-link]");
    const to = target?.getBoundingClientRect();
    if (!target?.checkVisibility() || to.right < 0 || to.left > innerWidth || to.bottom < 0) return;
    copy.style.setProperty("--to-x", `${to.left + to.width / 2 - left - width / 2}px`);
    copy.style.setProperty("--to-y", `${to.top + to.height / 2 - top - height / 2}px`);
    copy.addEventListener("animationend", () => copy.remove());
    document.body.append(copy);
  };
}

/** A copy, and where it stands. The clone of a canvas would be blank: it is drawn, no larger than it is shown. */
function copyOf(picture) {
  const { left, top, width, height } = picture.getBoundingClientRect();
  if (!(picture instanceof HTMLCanvasElement)) return { copy: picture.cloneNode(true), left, top, width, height };
  const scale = Math.min(width / picture.width, height / picture.height); // it is as large as fits, in the middle
  const [wide, high] = [picture.width * scale, picture.height * scale];
  const copy = make("canvas", { width: Math.ceil(wide), height: Math.ceil(high) });
  copy.getContext("2d").drawImage(picture, 0, 0, copy.width, copy.height);
  return { copy, left: left + (width - wide) / 2, top: top + (height - high) / 2, width: wide, height: high };
}
