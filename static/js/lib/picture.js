// A canvas that shows JPEGs: the newest one wins, decoding never piles up.

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.busy = false;
    this.next = null;
    this.shown = 0;
  }

  /** Draw `jpeg` (bytes) unless a newer one comes before it is decoded.

      `shown` is called when it is on screen, `done` in any case, once nothing more is to be done with it. */
  async draw(jpeg, shown, done) {
    if (this.busy) {
      this.next?.[2]?.();
      this.next = [jpeg, shown, done];
      return;
    }
    this.busy = true;
    try {
      const bitmap = await decode(jpeg);
      this.put(bitmap);
      shown?.();
    } catch {
      // A picture that cannot be read is skipped; the next one is on its way.
    } finally {
      this.busy = false;
      done?.();
    }
    if (this.next) {
      const { next } = this;
      this.next = null;
      this.draw(...next);
    }
  }

  put(bitmap) {
    const { canvas } = this;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    this.context.drawImage(bitmap, 0, 0);
    bitmap.close();
    this.shown += 1;
  }

  clear() {
    this.next = null;
    this.context.fillStyle = "#08090b";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }
}

export function decode(jpeg) {
  return createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
}
