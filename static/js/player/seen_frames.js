// Which frames of an episode are on screen: those of its take, or those of a revision of its dataset.
const framesOf = ({ dataset }) => ({ episode: dataset.episode, at: dataset.framesAt });

export class SeenFrames {
  constructor(details) {
    this.seen = framesOf(details);
  }

  /** Whether the same episode has other frames than at the last call: changes of its dataset were applied, or reverted. */
  changed(details) {
    const before = this.seen;
    this.seen = framesOf(details);
    return before.episode === this.seen.episode && before.at !== this.seen.at;
  }
}
