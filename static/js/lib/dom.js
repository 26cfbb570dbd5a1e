// Small helpers around the document. Words become text, never markup.

/** `make("b", { class: "num" }, "12")` */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set text only where it differs: nothing is redrawn for nothing. */
export function say(element, text) {
  const words = String(text);
  if (element && element.textContent !== words) element.textContent = words;
}

export function show(element, visible) {
  if (element && element.hidden === visible) element.hidden = !visible;
}

/** The JSON in a `<script type="application/json" id>`. */
export function told(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}

export function remembered(key, otherwise) {
  try {
    return localStorage.getItem(key) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** A CSS colour by its name, as the theme has it now: canvases know no custom properties. */
export function colour(name) {
  const probe = document.body.appendChild(make("i", { hidden: true }));
  probe.style.setProperty("color", `var(${name})`);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
