// Cut out the middle of the episode on screen: the marked range, or a second around the frame that is shown.
import { ReshapeSheet } from "../wall/reshape.js";

export function watchCut(player) {
  const dialog = document.getElementById("cut-sheet");
  const sheet = new ReshapeSheet(dialog);
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-cut-open]");
    if (!button) return;
    const { episode, trim } = document.getElementById("details").dataset;
    const [first, end] = trim.split(",");
    const around = Math.max(1, Math.round(player.fps / 2));
    const last = player.frames - 2;
    Object.assign(dialog.dataset, { slug: button.dataset.cutOpen, episode, frames: player.frames });
    sheet.form.elements.first.value = first || Math.max(1, Math.min(player.wanted - around, last));
    sheet.form.elements.last.value = end && Number(end) < player.frames ? Number(end) - 1 : Math.min(Math.max(1, player.wanted + around), last);
    sheet.open();
  });
}
