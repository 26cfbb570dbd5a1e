// The emergency stop before the page's scripts are here: asked for at once, and again until they continue it.
(() => {
  const AGAIN_MS = 500;
  const TRIES = 20;
  let id = ""; // of the press: the rig knows by it that what comes again is one
  let timer = 0;

  function ask() {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("meta[name=csrf-token]").content };
    const url = `${document.getElementById("desk").dataset.api}/commands/emergency_stop`;
    // One that fails is asked for again.
    fetch(url, { method: "POST", headers, credentials: "same-origin", keepalive: true, body: JSON.stringify({ id }) }).catch(() => {});
  }

  function press(event) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.repeat || !document.getElementById("desk")) return;
    clearInterval(timer);
    const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`; // as lib/ids.js makes them
    let tries = 1;
    ask();
    timer = setInterval(() => (++tries > TRIES ? clearInterval(timer) : ask()), AGAIN_MS);
    document.getElementById("estop").dataset.stop = "asked";
    document.querySelector("[data-stop-words]").textContent = "Stopping …";
  }

  const click = (event) => event.target.closest?.(".estop-button") && press(event);
  const isKey = ({ key, shiftKey, ctrlKey, altKey, metaKey }) => key === "Escape" && shiftKey && !ctrlKey && !altKey && !metaKey;
  const key = (event) => isKey(event) && press(event);
  // Before those that keep a press for later.
  window.addEventListener("click", click, true);
  window.addEventListener("keydown", key, true);

  /** The page's own stop takes over; returns the id of the press that it continues, or "". */
  window.continueStop = () => {
    window.removeEventListener("click", click, true);
    window.removeEventListener("keydown", key, true);
    clearInterval(timer);
    return id;
  };
})();
