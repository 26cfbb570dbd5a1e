// Cameras of the network: found by a probe, then asked for their streams; each stream is shown as a USB camera is.
import { call } from "../lib/api.js";
import { make, say, show } from "../lib/dom.js";

const NETWORK = /^(rtsp|https?):/i;

/** Whether a camera's table names a stream of the network. */
export const isNetwork = (table) => table?.kind === "pyav" && NETWORK.test(String(table.url));

/** A stream as the form shows a camera; without the password where a person reads it. */
export function deviceOf(url, name = "", { width = 0, height = 0, fps = 0, encoding = "" } = {}) {
  const formats = width && height ? [{ pixel_format: encoding.toLowerCase(), width, height, fps }] : [];
  return { url, node: hostOf(url), name: name || hostOf(url), bus: "", usb_mbit: null, formats, holder: "", problem: "", isNetwork: true };
}

function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return "the network";
  }
}

/** An address with a user and a password, as a rig file has it. */
function signedIn(url, user, password) {
  if (!user) return url;
  return url.replace(/^([a-z]+:\/\/)(?:[^/@]*@)?/i, `$1${encodeURIComponent(user)}:${encodeURIComponent(password)}@`);
}

export class NetworkCameras {
  constructor(cameras) {
    Object.assign(this, { cameras, page: cameras.page, devices: [], cards: new Map() });
    this.button = make("button", { class: "button", type: "button", id: "find-network" }, "Find network cameras");
    this.button.addEventListener("click", () => this.look());
    this.words = make("p", { class: "small faint", role: "status", id: "network-words" });
    this.list = make("div", { class: "stack" });
    this.box = make("div", { class: "stack-tight", id: "network-cameras" }, this.words, this.list);
    show(this.box, false);
  }

  async look() {
    show(this.box, true);
    this.button.disabled = true;
    say(this.words, "Asking the network, which takes two seconds …");
    try {
      const { cameras } = await call("POST", `${this.page.draft.base}/find-network-cameras`);
      for (const camera of cameras) this.add(camera);
      say(this.words, cameras.length ? "" : "No camera has answered. One that does not speak ONVIF, or is behind a router: type its address.");
      if (!cameras.length) this.add({ name: "A camera by its address", hardware: "", address: "", service: "" });
    } catch (error) {
      say(this.words, error.message);
    } finally {
      this.button.disabled = false;
    }
    show(this.words, this.words.textContent !== "");
    (this.list.querySelector("input") ?? this.button).focus();
  }

  add(camera) {
    const key = camera.service || camera.address;
    if (this.cards.has(key)) return;
    this.cards.set(key, new Found(this, camera));
    this.list.append(this.cards.get(key).box);
  }

  /** Show streams as cameras; those that are shown already stay. */
  show(devices) {
    const known = new Set(devices.map(({ url }) => url));
    this.devices = [...this.devices.filter(({ url }) => !known.has(url)), ...devices];
    this.cameras.draw();
    document.getElementById(`use-${devices[0].url}`)?.focus();
  }
}

/** One camera that was found: who signs in at it, and which of its streams. */
class Found {
  constructor(network, camera) {
    Object.assign(this, { network, camera });
    const id = camera.service || camera.address || "typed";
    const entry = (label, more) => {
      const input = make("input", { class: "input", spellcheck: "false", autocapitalize: "none", maxlength: "200", ...more });
      return [input, make("label", { class: "field" }, make("span", {}, label), input)];
    };
    const [user, userField] = entry("User", { autocomplete: "off", id: `user-${id}` });
    const [password, passwordField] = entry("Password", { type: "password", autocomplete: "new-password", id: `password-${id}` });
    const [address, addressField] = entry("Stream’s address", { maxlength: "900", id: `address-${id}`, placeholder: "rtsp://192.168.1.20:554/stream1" });
    if (camera.address) address.value = `rtsp://${camera.address}:554/`;
    Object.assign(this, { user, password, address });
    this.words = make("p", { class: "small tone-warn words-tone", role: "status", hidden: true });
    const ask = this.button("Show its streams", () => this.ask());
    const use = this.button("Show this stream", () => this.type());
    const head = make("div", { class: "row" }, make("b", { class: "clip" }, camera.name), make("span", { class: "small faint clip" }, [camera.hardware, camera.address].filter(Boolean).join(" · ")));
    const typed = [make("div", { class: "row stream-address" }, addressField, use)];
    const manual = camera.service ? [make("details", { class: "more-keys" }, make("summary", {}, "Type its stream’s address"), ...typed)] : typed;
    const signIn = make("div", { class: "camera-sign-in" }, userField, passwordField, camera.service ? ask : null);
    this.box = make("article", { class: "camera-card is-other network-camera", "aria-label": `Network camera ${camera.name} ${camera.address}`.trim() }, head, signIn, this.words, ...manual);
    for (const [input, act] of [[user, ask], [password, camera.service ? ask : use], [address, use]]) {
      input.addEventListener("keydown", (event) => event.key === "Enter" && (event.preventDefault(), act.click()));
    }
  }

  button(words, act) {
    const button = make("button", { class: "button", type: "button" }, words);
    button.addEventListener("click", () => act(button));
    return button;
  }

  say(words) {
    say(this.words, words);
    show(this.words, Boolean(words));
  }

  async ask() {
    const button = this.box.querySelector(".camera-sign-in .button");
    button.disabled = true;
    this.say("");
    try {
      const asked = { service: this.camera.service, user: this.user.value.trim(), password: this.password.value };
      const { streams } = await call("POST", `${this.network.page.draft.base}/camera-streams`, asked);
      if (!streams.length) this.say("It names no stream: type its address.");
      else this.network.show(streams.map((stream) => deviceOf(stream.url, `${this.camera.name} · ${stream.name}`, stream)));
    } catch (error) {
      this.say(error.message);
      if (error.code === "not_signed_in") (this.user.value ? this.password : this.user).focus();
    } finally {
      button.disabled = false;
    }
  }

  type() {
    const url = this.address.value.trim();
    const isStream = NETWORK.test(url) && hostOf(url) !== "the network";
    this.address.setAttribute("aria-invalid", String(!isStream));
    this.say(isStream ? "" : "Want an address that begins with rtsp:, http: or https:.");
    if (!isStream) return this.address.focus();
    return this.network.show([deviceOf(signedIn(url, this.user.value.trim(), this.password.value), this.camera.address ? this.camera.name : "")]);
  }
}
