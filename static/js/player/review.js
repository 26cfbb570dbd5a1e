// Deciding: keep, reject, trim; and walking to the next without loading a page.
import { remember, remembered } from "../lib/dom.js";
import { complain, toast } from "../lib/toast.js";
import { ring } from "../live.js";
import { change } from "../versions.js";

const details = () => document.getElementById("details");

export class Review {
  constructor(player) {
    this.player = player;
    this.dirty = false;
    this.queue = Promise.resolve();
    document.addEventListener("click", ({ target }) => this.clicked(target));
    document.addEventListener("input", ({ target }) => {
      if (target.closest("#edit")) this.dirty = true;
    });
    document.addEventListener("change", ({ target }) => {
      if (target.id === "advance") remember("advance", target.checked ? "yes" : "no");
    });
    document.addEventListener("done", ({ target }) => {
      if (target.id === "edit") this.dirty = false;
    });
    // What is being typed is never fetched away.
    document.addEventListener("htmx:beforeRequest", (event) => {
      if (event.detail.elt === details() && this.dirty && event.detail.elt.contains(document.activeElement)) event.preventDefault();
    });
    document.addEventListener("htmx:afterSwap", ({ detail }) => {
      if (detail.target.id === "beside" || detail.elt.id === "details" || detail.target.id === "details") this.read();
    });
    // Undo leads back to what it took back.
    document.addEventListener("undone", ({ detail }) => this.then(() => this.go(detail.episodes[0])));
    window.addEventListener("popstate", () => location.reload());
  }

  /** The details have come, or have come again: tell the player what they say. */
  read() {
    const { dataset } = details();
    this.dirty = false;
    document.title = `${dataset.title} · robotdata`;
    const box = document.getElementById("advance");
    if (box) box.checked = this.advances();
    this.player.scrub.cut(this.kept());
    this.marks();
    if (this.film !== dataset.film) this.player.scrub.strip(dataset.film);
    this.film = dataset.film;
    this.player.prepare(dataset.list === "review" && this.advances() ? dataset.unreviewed : dataset.next);
  }

  marks() {
    const { firstTick, frames } = this.player;
    this.player.scrub.marks([...document.querySelectorAll("[data-seek-tick]")].map(({ dataset }) => {
      const first = Math.max(0, Number(dataset.seekTick) - firstTick);
      return [first, Math.min(frames - 1, dataset.untilTick ? Number(dataset.untilTick) - firstTick : first)];
    }));
  }

  advances() {
    return remembered("advance", "yes") === "yes";
  }

  /** What is kept, as [first, end) in frames, or null. */
  kept() {
    const [first, end] = details().dataset.trim.split(",");
    if (!first && !end) return null;
    const { firstTick, frames } = this.player;
    return [Math.max(0, Number(first || 0) - firstTick), end ? Math.min(frames, Number(end) - firstTick) : frames];
  }

  clicked(target) {
    const button = target.closest("button");
    if (!button || !button.closest("#details")) return;
    const { judge, go, trim, seekTick, rating, label } = button.dataset;
    if (judge) this.then(() => this.judge(judge));
    else if (go) this.walk(go);
    else if (trim) this.cut(trim, button.dataset);
    else if (rating) this.rate(button);
    else if (label) this.addLabel(button);
    else if (seekTick !== undefined) this.player.seek(Number(seekTick) - this.player.firstTick);
  }

  /** One act after another: a key that is pressed while the last one is on its way means the take that comes. */
  then(act) {
    this.queue = this.queue.then(act).catch(complain);
    return this.queue;
  }

  async judge(verdict) {
    const { episode, editable, verdict: had, list, next, unreviewed } = details().dataset;
    if (!editable) return;
    const wanted = had === verdict ? "unreviewed" : verdict;
    const onward = wanted !== "unreviewed" && this.advances() ? (list === "review" ? unreviewed : next) : "";
    if (onward) this.player.open(onward);
    try {
      await change("PATCH", `/api/episodes/${episode}`, { verdict: wanted });
    } catch (error) {
      if (onward) this.player.open(episode);
      throw error;
    }
    if (wanted !== "unreviewed") toast(wanted === "keep" ? "Kept." : "Moved to the trash.", { undo: true });
    if (onward) await this.fetch(onward);
    else {
      ring(details());
      if (wanted !== "unreviewed" && this.advances() && list === "review") toast("That was the last one to review.");
    }
  }

  /** To another episode of the list: its pictures at once, its words as soon as they come. */
  async go(episode) {
    if (!episode || episode === details().dataset.episode) return;
    this.player.open(episode);
    await this.fetch(episode);
  }

  async fetch(episode) {
    const url = `/episodes/${episode}/?${details().dataset.walk}`;
    history.pushState({}, "", url);
    await window.htmx.ajax("GET", url, { target: "#beside" });
  }

  walk(where) {
    this.then(() => this.go(details().dataset[where]));
  }

  rate(button) {
    const { episode } = details().dataset;
    const rating = button.getAttribute("aria-pressed") === "true" ? null : Number(button.dataset.rating);
    this.then(async () => {
      await change("PATCH", `/api/episodes/${episode}`, { rating });
      toast(rating ? `Rated ${rating} of 5.` : "The rating is taken back.", { undo: true });
      ring(details());
    });
  }

  /** One press is saved at once; what else is typed into the form stays there until it is saved. */
  addLabel(button) {
    const { episode } = details().dataset;
    const { label } = button.dataset;
    const field = document.getElementById("edit-labels");
    const had = field.value.split(",").map((word) => word.trim()).filter(Boolean);
    const labels = had.includes(label) ? had.filter((word) => word !== label) : [...had, label];
    field.value = labels.join(", ");
    button.setAttribute("aria-pressed", String(labels.includes(label)));
    this.then(async () => {
      await change("PATCH", `/api/episodes/${episode}`, { labels });
      toast(labels.includes(label) ? `Labelled ${label}.` : `${label} is taken away.`, { undo: true });
    });
  }

  /** Cut off what stands still, where something does. */
  cutIdle() {
    const button = document.querySelector('#details [data-trim="suggested"]');
    if (button) this.cut("suggested", button.dataset);
    else toast("Something moves at both ends, or it is trimmed already.");
  }

  cut(what, told = {}) {
    const at = this.player.wanted;
    this.then(() => this.trim(what, at, told));
  }

  async trim(what, wanted, told) {
    const { episode, editable } = details().dataset;
    if (!editable) return;
    const { firstTick, frames } = this.player;
    let [first, end] = this.kept() ?? [0, frames];
    if (what === "first") first = wanted;
    if (what === "end") end = wanted + 1;
    if (what === "suggested") [first, end] = [Number(told.first) - firstTick, Number(told.end) - firstTick];
    if (first >= end) [first, end] = what === "first" ? [first, frames] : [0, end];
    const whole = what === "none" || (first <= 0 && end >= frames);
    await change("PATCH", `/api/episodes/${episode}`, { trim: whole ? null : [first + firstTick, end + firstTick] });
    toast(whole ? "Nothing is cut off." : `Keeps frames ${first} to ${end - 1}.`, { undo: true });
    ring(details());
  }
}
