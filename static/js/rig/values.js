// Values between the rig file and the fields of its form.

/** A value as TOML writes it on one line. */
export function toml(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value === "object") return `{ ${Object.entries(value).map(([key, each]) => `${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)} = ${toml(each)}`).join(", ")} }`;
  return JSON.stringify(value);
}

/** A number as TOML has it; what is none stays text, and the station says what it wants. */
export function numberOf(text) {
  const number = Number(text);
  return text !== "" && Number.isFinite(number) ? number : text || undefined;
}

export const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** A table with its tables in it as one: `elbow.pos = 90` without quotes is a table in TOML, and the same joint. */
export function flat(table, before = "") {
  return Object.entries(isTable(table) ? table : {}).flatMap(([key, value]) => (isTable(value) ? flat(value, `${before}${key}.`) : [[before + key, value]]));
}
