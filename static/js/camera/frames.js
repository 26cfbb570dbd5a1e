// Frames of a video as JPEGs of one size, cut to its proportions, at a rate.

const QUALITY = 0.9;
const EARLY = 0.75; // of a period: else jitter would drop every other frame at the camera's own rate

export class Frames {
  constructor(video, { width, height, fps }) {
    Object.assign(this, { video, width, height, period_ms: 1000 / fps, run: 0, due: 0 });
    this.canvas = document.createElement("canvas");
    Object.assign(this.canvas, { width, height });
    this.context = this.canvas.getContext("2d", { alpha: false });
  }

  /** Call `take(capture)` for each frame that is due; `capture()` makes the JPEG and says when it was captured. */
  each(take) {
    this.run += 1;
    const { run } = this;
    const next = (now, data) => {
      if (run !== this.run) return;
      this.ask(next);
      if (now < this.due) return;
      this.due = Math.max(this.due + this.period_ms, now + EARLY * this.period_ms);
      take(() => this.capture(data?.captureTime ?? now));
    };
    this.ask(next);
  }

  stop() {
    this.run += 1;
  }

  ask(next) {
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
    else setTimeout(() => next(performance.now()), this.period_ms);
  }

  async capture(capturedAt) {
    const { video, canvas, width, height } = this;
    const scale = Math.max(width / video.videoWidth, height / video.videoHeight);
    const [w, h] = [width / scale, height / scale];
    this.context.drawImage(video, (video.videoWidth - w) / 2, (video.videoHeight - h) / 2, w, h, 0, 0, width, height);
    const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    return { jpeg, capturedAt };
  }
}
