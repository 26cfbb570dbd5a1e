// The one way to change something: the same API that programs use.

// A browser sends at most 64 KiB after the page is left, and refuses to send more in that way.
const KEPT_ALIVE = 20_000;

export class Refusal extends Error {
  constructor(status, { code = "error", message = "", detail = {} } = {}) {
    super(message || `The server answered ${status} and gave no reason.`);
    Object.assign(this, { status, code, detail });
  }
}

/** A response, whatever it says; throws a Refusal for people where none came. */
export async function reach(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { code: "lost", message: "Can't reach robotdata. Check that it is running." });
  }
}

const token = () => document.querySelector("meta[name=csrf-token]")?.content ?? "";

/** The JSON answer; throws a Refusal whose message is meant for people, and an AbortError once `signal` says so. */
export async function call(method, url, body, signal) {
  const headers = { "X-CSRFToken": token(), Accept: "application/json" };
  if (method !== "GET") headers["Content-Type"] = "application/json";
  const words = JSON.stringify(body ?? {});
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      credentials: "same-origin",
      keepalive: method !== "GET" && words.length < KEPT_ALIVE,
      body: method === "GET" ? undefined : words,
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { code: "lost", message: "No reply from robotdata; this may or may not have been saved. Reload to check." });
  }
  return answerOf(response);
}

/** Send bytes as they are; the JSON answer, or a Refusal. */
export async function put(url, bytes, signal) {
  const headers = { "X-CSRFToken": token(), Accept: "application/json", "Content-Type": "application/octet-stream" };
  return answerOf(await reach(url, { method: "PUT", headers, body: bytes, signal }));
}

async function answerOf(response) {
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    answer = null;
  }
  if (response.ok) return answer;
  if (response.status === 401) {
    const next = encodeURIComponent(location.pathname + location.search);
    throw new Refusal(401, { code: "sign_in", message: "You are signed out. Sign in again, then repeat it.", detail: { href: `/sign-in/?next=${next}` } });
  }
  throw new Refusal(response.status, answer?.error);
}

/** A form as the API wants it: `data-type` says number, bool or list; a dotted name makes an object.
    With `data-changed` only what differs from what was drawn: the rest may be newer on the server. */
export function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue;
    if ("changed" in form.dataset && field.value === field.defaultValue) continue;
    const path = field.name.split(".");
    const last = path.pop();
    const place = path.reduce((object, name) => (object[name] ??= {}), body);
    const value = valueOf(field);
    if (value !== undefined) place[last] = value;
  }
  return body;
}

function valueOf(field) {
  const text = field.value.trim();
  switch (field.dataset.type) {
    case "bool":
      return field.checked;
    case "number":
      return text === "" ? undefined : Number(text);
    case "number-or-null":
      return text === "" ? null : Number(text);
    case "list":
      return [...new Set(text.split(",").map((word) => word.trim()).filter(Boolean))];
    default:
      return text;
  }
}
