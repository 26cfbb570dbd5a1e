// How a camera's picture is turned clockwise: `rotate` of its table, whose width and height are those after the turn.
const ANGLES = [0, 90, 180, 270];

/** Degrees; what the rig file says wrongly turns nothing. */
export const turnOf = (table) => (ANGLES.includes(table?.rotate) ? table.rotate : 0);

/** The angle after one press. */
export const after = (angle) => ANGLES[(ANGLES.indexOf(angle) + 1) % ANGLES.length];

export const isSideways = (table) => turnOf(table) % 180 !== 0;

/** [width, height] of the camera's own pictures. */
export const ownSize = ({ width = 640, height = 480, ...table }) => (isSideways(table) ? [height, width] : [width, height]);

/** Turn a table by a quarter more. */
export function turn(table) {
  const { width = 640, height = 480 } = table;
  const angle = after(turnOf(table));
  Object.assign(table, { width: height, height: width, rotate: angle });
  if (!angle) delete table.rotate;
}
