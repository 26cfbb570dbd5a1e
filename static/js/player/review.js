// Deciding: keep and reject; and walking to the next without loading a page.
// What is decided goes out over the wire, and the next take is on screen before the answer: one that is refused comes back.
import { swapIn } from "../lib/folds.js";
import { complain, toast, undoFirst } from "../lib/toast.js";
import { ring, ringIfMissed } from "../live.js";
import { comingOf, fetchWords, toPrepare } from "./ahead.js";
import { Edits } from "./edits.js";
import { refuseLate } from "./late.js";
import { Refused, isUncertain } from "./refused.js";
import { SeenFrames } from "./seen_frames.js";
import { Trail, advances, alreadyWords, showAdvance, toTell } from "./verdict.js";
import { Wire } from "./wire.js";

const STAYS_MS = 250;
// After a refused verdict reopens a take, ignore keys until REST_MS of silence: they were aimed at other takes.
const REST_MS = 500;
const details = () => document.getElementById("details");

export class Review {
  constructor(player) {
    Object.assign(this, { player, wire: new Wire(), trail: new Trail(), judged: new Set(), said: null, queue: Promise.resolve(), turn: 0, deafUntil: 0, later: 0, back: "", frames: new SeenFrames(details()) });
    this.edits = new Edits(this);
    refuseLate(this.wire);
    this.refused = new Refused(document.getElementById("refused"), (one) => this.wire.send(one));
    document.addEventListener("click", ({ target }) => this.clicked(target));
    document.addEventListener("htmx:afterSwap", ({ detail: { elt, target } }) => [elt.id, target?.id].includes("details") && this.replaced());
    // Undo reverts the newest change: pending ones are older. Then show the take that it reverted.
    undoFirst((onward) => this.then(() => this.undo(onward)));
    // What somebody else changes of those that come next, and an applied change, is not what was opened ahead.
    document.addEventListener("row-moved", ({ detail }) => detail.kind === "episode" && this.player.ahead.drop(detail.id));
    document.addEventListener("undone", ({ detail }) => {
      detail.episodes.forEach((id) => this.forget(id));
      this.back = detail.episodes[0] ?? "";
    });
    window.addEventListener("popstate", () => location.reload());
  }

  /** The details have come again, with another form. */
  replaced() {
    this.edits.fresh();
    if (this.frames.changed(details()) && details().dataset.episode === this.player.episode) {
      this.edits.leaveFrames();
      this.player.open(this.player.episode);
    }
    this.read();
  }

  /** Tell the player what the details say. */
  read() {
    const { dataset } = details();
    if (dataset.episode !== this.player.episode) return;
    if (this.said?.version && dataset.version >= this.said.version) this.said = null;
    document.title = `${dataset.title} · robotdata`;
    showAdvance();
    if (this.trail.last) document.getElementById("go-previous").disabled = false;
    this.edits.show();
    this.player.prepare(toPrepare(this.coming(), dataset), dataset.walk);
  }

  /** Where a verdict leads, and from there. */
  coming() {
    return comingOf(details().dataset, this.judged);
  }

  clicked(target) {
    const button = target.closest("#details button");
    if (!button) return;
    const { judge, go } = button.dataset;
    if (judge) this.then(() => this.judge(judge));
    else if (go) this.walk(go);
    else this.edits.clicked(button);
  }

  /** One act after another: a key that is pressed before the next take's words are here means that take. */
  then(act) {
    const { turn } = this;
    this.queue = this.queue.then(() => (turn === this.turn ? act() : undefined)).catch((error) => this.edits.reopen(error));
    return this.queue;
  }

  rest() {
    this.deafUntil = performance.now() + REST_MS;
  }

  async judge(verdict) {
    const { episode, name, editable, verdict: shown, list, committed } = details().dataset;
    const deaf = performance.now() < this.deafUntil;
    if (deaf) this.rest();
    if (!editable || deaf) return;
    const had = this.said?.episode === episode ? this.said.verdict : shown;
    const moves = verdict !== "unreviewed" && advances();
    this.judged[verdict === "unreviewed" ? "delete" : "add"](episode);
    if (had === verdict) toast(alreadyWords(name, verdict));
    else {
      const said = (this.said = { episode, verdict });
      const told = toTell(name, verdict, committed, this.player.stage.largeCanvas);
      this.send({ verdict }, (answer) => {
        said.version = answer.version;
        told();
      });
    }
    const onward = moves ? this.coming()[0] || (await this.lookAgain()) : "";
    if (onward) return this.go(onward);
    await this.wire.idle();
    if (moves) this.rest();
    if (moves && list === "review" && !this.refused.size) toast("All reviewed.");
    ring(details());
  }

  /** Something changes in the episode that is shown; `done` with the answer, and the details come `again`. */
  send(body, done, again = !("verdict" in body)) {
    const { episode, version, name, title, walk } = details().dataset;
    this.wire.send({
      episode, version, name, title, walk, body,
      done: (answer) => {
        this.refused.drop(episode);
        done(answer);
        if (again && details().dataset.episode === episode && !this.wire.waiting.length) ring(details());
      },
      refused: (one, error) => this.refuse(one, error),
    });
  }

  /** The take comes back with the reason; keys that were pressed meanwhile were meant for none. */
  refuse(one, error) {
    this.forget(one.episode);
    if (isUncertain(error)) return void this.refused.add(one, error); // looked up before anybody is led anywhere
    if (details().dataset.episode === one.episode) {
      complain(error);
      return ring(details());
    }
    const others = this.refused.size;
    this.refused.add(one, error);
    if (others) return; // the first one is on its way back
    this.turn += 1;
    this.rest();
    // What waited while it came back was pressed before it could be seen.
    this.then(() => this.go(one.episode, true).then(() => this.rest()));
  }

  forget(episode) {
    this.judged.delete(episode);
    if (this.said?.episode === episode) this.said = null;
    this.player.ahead.drop(episode);
  }

  /** The end of what was told ahead: is there something that was left out? */
  async lookAgain() {
    await this.edits.leave();
    await this.wire.idle();
    const { episode, walk } = details().dataset;
    this.put(await fetchWords(episode, walk));
    return this.coming()[0] ?? "";
  }

  async undo(onward) {
    await this.wire.idle();
    this.back = "";
    await onward();
    if (this.back) await this.go(this.back, true);
  }

  /** To another episode of the list: its pictures at once, its words as soon as they are here; `back` leaves no trail. */
  async go(episode, back = false) {
    const { episode: from, walk } = details().dataset;
    if (!episode || episode === from) return;
    this.edits.leave();
    let words = this.judged.has(episode) ? null : this.player.ahead.takeWords(episode, this.wire);
    this.player.open(episode);
    try {
      words &&= await words;
      const told = Boolean(words);
      if (!told) await this.wire.idle(); // else the server would not know yet what was said of it
      const since = performance.now();
      if (!told) words = await fetchWords(episode, walk);
      history.pushState({}, "", `/episodes/${episode}/?${walk}`);
      this.player.ahead.drop(episode);
      if (!back) this.trail.left(from);
      this.trail.reached(episode);
      this.put(words);
      if (!told) ringIfMissed(details(), since);
      clearTimeout(this.later);
      // Told ahead, they lack what was judged since: where in the list it stands.
      if (told) this.later = setTimeout(() => this.wire.idle().then(() => ring(details())), STAYS_MS);
    } catch (error) {
      this.player.open(from);
      throw error;
    }
  }

  put(words) {
    this.edits.leave(); // what was typed while the words came
    swapIn(document.getElementById("beside"), words);
    this.replaced();
  }

  walk(where) {
    this.then(() => (where === "previous" ? this.go(this.trail.last || details().dataset.previous, true) : this.go(details().dataset.next)));
  }
}
