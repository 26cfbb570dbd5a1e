// What the chosen cameras ask of their USB buses: a bus that is beyond its limit drops frames, or starts no camera.
import { ownSize } from "./turn.js";

const BITS = { mjpeg: 2, h264: 0.3, yuyv: 16, uyvy: 16, nv12: 12, yuv420: 12, rgb: 24, bgr: 24, grey: 8 }; // per pixel
const ORDER = ["mjpeg", "nv12", "yuyv", "uyvy", "yuv420", "rgb", "bgr", "grey", "h264"];
/** Of a bus's speed so much carries pictures. */
const USABLE = 0.8;
/** `3` of the socket `3-1.2`: every socket of one bus shares what it carries. */
const busOf = (device) => device.bus.split("-")[0];

/** The format that the rig will take, as docs/devices.md says: the first of ORDER that gives size and rate. */
export function formatFor(device, table) {
  const [across, down] = ownSize(table);
  const fits = device.formats.filter(({ pixel_format: name, width, height, fps }) => width === across && height === down && fps >= (table.fps ?? 0) - 0.5 && (!table.pixel_format || name === table.pixel_format));
  return fits.sort((one, other) => ORDER.indexOf(one.pixel_format) - ORDER.indexOf(other.pixel_format))[0];
}

/** Mbit/s of one camera, about; MJPEG depends on the picture. */
export function loadOf(device, table) {
  const format = formatFor(device, table);
  if (!format) return 0;
  return (format.width * format.height * (table.fps ?? format.fps) * (BITS[format.pixel_format] ?? 16)) / 1e6;
}

/** Of the chosen [device, table] pairs, those buses that are asked for more than they carry, in words. */
export function busWarnings(chosen) {
  const buses = new Map();
  for (const [device, table] of chosen) {
    if (!device.bus || !device.usb_mbit) continue;
    const bus = buses.get(busOf(device)) ?? { mbit: device.usb_mbit, names: [], load: 0 };
    bus.load += loadOf(device, table);
    bus.names.push(device.name || device.node);
    buses.set(busOf(device), bus);
  }
  return [...buses].filter(([, { load, mbit }]) => load > USABLE * mbit).map(([name, { load, mbit, names }]) =>
    `USB bus ${name} carries about ${Math.round(USABLE * mbit)} Mbit/s of pictures, and ${names.join(", ")} ${names.length > 1 ? "ask" : "asks"} for about ${Math.round(load)}. Choose a smaller size, a lower rate or MJPEG, or plug a camera into another bus.`);
}
