// Over each density of a joint lies a link to the episodes that reach a range of its values: what the pointer is at or
// draws over, or what the arrow keys choose.
const BINS = 24;
const KEYS = { ArrowLeft: -1, ArrowRight: 1 };

/** The values of bins `first` to `last`, rounded outwards, so that the least and the largest value are never left out. */
export function limits(low, high, first, last) {
  const step = (high - low) / BINS;
  const digits = Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(step))));
  const power = 10 ** digits;
  const from = Math.floor((low + step * first) * power + 1e-6) / power;
  const to = Math.ceil((low + step * (last + 1)) * power - 1e-6) / power;
  return [Math.min(from, first ? from : low), Math.max(to, last === BINS - 1 ? high : to)];
}

function makeLink(line, wall) {
  const figure = line.closest("figure");
  const { reach, kind, unit = "", low, high } = line.dataset;
  const link = document.createElement("a");
  const words = document.createElement("span");
  const band = document.createElement("i");
  link.className = `reach is-${kind}`;
  link.draggable = false;
  words.className = "num dim";
  let anchor = BINS - 1;
  let end = BINS - 1;
  let drawing = false;

  const show = () => {
    const [first, last] = [Math.min(anchor, end), Math.max(anchor, end)];
    const [from, to] = limits(Number(low), Number(high), first, last);
    const range = `${kind} ${from} to ${to}${unit && ` ${unit}`}`;
    link.href = `${wall}?view=all&reach=${encodeURIComponent(`${reach}:${from}..${to}`)}`;
    link.setAttribute("aria-label", `${reach.split("/").slice(1).join("/")}, ${range}: show the episodes that reach it`);
    band.style.left = `${(100 * first) / BINS}%`;
    band.style.width = `${(100 * (last - first + 1)) / BINS}%`;
    words.textContent = range;
  };
  const at = (event) => {
    const box = link.getBoundingClientRect();
    return Math.min(BINS - 1, Math.max(0, Math.floor((BINS * (event.clientX - box.left)) / box.width)));
  };

  link.append(band);
  link.addEventListener("pointerdown", (event) => {
    drawing = event.button === 0;
    anchor = end = at(event);
    if (drawing) link.setPointerCapture(event.pointerId);
    show();
  });
  link.addEventListener("pointermove", (event) => {
    end = at(event);
    if (!drawing) anchor = end;
    show();
  });
  for (const name of ["pointerup", "pointercancel"]) link.addEventListener(name, () => (drawing = false));
  link.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    end = Math.min(BINS - 1, Math.max(0, end + KEYS[event.key]));
    if (!event.shiftKey) anchor = end;
    show();
  });
  for (const name of ["pointerenter", "focus"]) link.addEventListener(name, () => figure.querySelector("figcaption").append(words));
  for (const name of ["pointerleave", "blur"]) link.addEventListener(name, () => words.remove());
  show();
  return link;
}

const section = document.querySelector(".joints[data-wall]");
for (const line of section?.querySelectorAll("[data-reach]") ?? []) {
  line.closest("figure").querySelector(".drawn").append(makeLink(line, section.dataset.wall));
}
