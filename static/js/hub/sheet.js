// What the sheets that push a dataset share: a preview of what was typed last, the push itself, and the presses.
import { call } from "../lib/api.js";
import { make } from "../lib/dom.js";
import { complain, toast } from "../lib/toast.js";
import { ringTopics } from "../live.js";
import { announceEnd, busy } from "./preview.js";

const PAUSE_MS = 600;
const urlOf = (dialog) => `/api/datasets/${dialog.dataset.slug}/push`;

/** Return a function that compares the dataset with the place in the form, once nothing more is typed. */
export function comparison({ dialog, form, preview, button, named, body, draw }) {
  let asked = 0; // an earlier answer that is late is not shown
  async function compare(number) {
    if (!named.test(form.elements.repository.value)) return preview.replaceChildren();
    preview.replaceChildren(make("p", { class: "loading" }, "Comparing …"));
    try {
      const answer = await call("POST", `${urlOf(dialog)}/preview`, body());
      if (number === asked) draw(answer);
    } catch (error) {
      if (number === asked) preview.replaceChildren(make("p", { class: "note tone-bad", role: "alert" }, error.message));
    }
  }
  let timer = 0;
  return () => {
    asked += 1;
    button.disabled = true;
    clearTimeout(timer);
    const number = asked;
    timer = setTimeout(() => compare(number), PAUSE_MS);
  };
}

/** Begin the push, and tell of its end on whatever page is open then. */
export async function send(dialog, body) {
  const { id } = await call("POST", urlOf(dialog), body);
  announceEnd(id);
  dialog.close();
  toast(`Sending to ${body.repository} …`);
  ringTopics(["operations", "new-operation"]);
}

/** Join the sheet's buttons and forms with what they do. */
export function join({ opener, open, part, change, keep, form, button, push }) {
  opener?.addEventListener("click", () => open().catch(complain));
  part("change").addEventListener("click", ({ currentTarget }) => busy(currentTarget, change));
  part("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.submitter, keep);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!button.disabled) busy(button, push);
  });
}
