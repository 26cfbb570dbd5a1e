// The joints of the rig's robot: what the rig said of them when it connected last, and where they stand now.
import { Link } from "../lib/socket.js";

const PATIENCE_MS = 8000;

const idOf = (robot) => `${robot?.kind} ${robot?.type ?? ""}`;

export class Joints {
  /** `said` are those of the rig `name`, whose file the form begins with. */
  constructor(page, said, name) {
    Object.assign(this, { page, said, name, of: null, unnamed: new Map() });
  }

  /** The rows without a name, which the file does not have yet, of the table at this path. */
  kept(path) {
    const key = path.join("\n");
    if (!this.unnamed.has(key)) this.unnamed.set(key, []);
    return this.unnamed.get(key);
  }

  /** The file has been read: the joints are those of the robot that it names. */
  begin() {
    this.of ??= idOf(this.page.draft.tables.robot);
  }

  /** Whether the form shows the robot that its file began with. */
  get areOfRobot() {
    return this.of === idOf(this.page.draft.tables.robot);
  }

  get known() {
    return this.areOfRobot ? this.said : [];
  }

  /** Whether the rig that this form edits has the robot that it shows. */
  get hasRig() {
    return Boolean(this.page.edited) && this.areOfRobot;
  }

  find(name) {
    return this.known.find((joint) => joint.name === name);
  }

  /** Where the robot stands now, by joint, as its running rig says it. Throws what to do. */
  present() {
    return new Promise((resolve, reject) => {
      let names = [];
      let link = null;
      const end = (act, value) => {
        clearTimeout(timer);
        link.end();
        act(value);
      };
      const timer = setTimeout(() => end(reject, new Error(`${this.name} says no positions. Its record page shows what it waits for.`)), PATIENCE_MS);
      link = new Link(`/ws/live/${encodeURIComponent(this.name)}/`, {
        text: (message) => {
          if (message.type === "status" && message.online === false) end(reject, new Error(`${this.name} does not run. Start it, then take its pose here.`));
          if (message.type !== "telemetry") return;
          names = message.names?.state ?? names;
          const [, state] = message.rows.at(-1) ?? [];
          if (state && names.length) end(resolve, new Map(names.map((name, at) => [name, state[at]])));
        },
      });
    });
  }
}

export const shortName = (name) => name.replace(/\.(pos|vel)$/, "");

const shown = (number) => String(Math.round(number * 100) / 100).replace("-", "−");

/** "−100 to 100 %"; empty where the driver says nothing. */
export const rangeOf = ({ limits, unit }) => (limits ? `${shown(limits[0])} to ${shown(limits[1])}${unit ? ` ${unit}` : ""}` : unit);

/** As precise as a joint is: a tenth of a degree or per cent, else a thousandth, such as of a radian. */
export const rounded = (value, unit) => Number(value.toFixed(["°", "%"].includes(unit) ? 1 : 3));
