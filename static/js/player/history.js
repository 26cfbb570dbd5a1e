// The history of an episode stays open while its details are fetched again.
const details = () => document.getElementById("details");
let open = "";

export function watchHistory() {
  document.addEventListener("toggle", ({ target }) => {
    if (target.isConnected && target.matches?.("details.history")) open = target.open ? details().dataset.episode : "";
  }, true);
  document.addEventListener("htmx:afterSwap", () => {
    const history = details()?.querySelector("details.history");
    if (history && open === details().dataset.episode) history.open = true;
  });
}
