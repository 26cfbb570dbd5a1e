// A canvas that shows JPEGs: the newest one wins, decoding never piles up.

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.busy = false;
    this.next = null;
    this.shown = 0;
  }

  /** Draw `jpeg` (bytes) unless a newer one comes before it is decoded; `then` is called when it is on screen. */
  async draw(jpeg, then) {
    if (this.busy) {
      this.next = [jpeg, then];
      return;
    }
    this.busy = true;
    try {
      const bitmap = await decode(jpeg);
      this.put(bitmap);
      then?.();
    } catch {
      // A picture that cannot be read is skipped; the next one is on its way.
    } finally {
      this.busy = false;
    }
    if (this.next) {
      const [newer, after] = this.next;
      this.next = null;
      this.draw(newer, after);
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
